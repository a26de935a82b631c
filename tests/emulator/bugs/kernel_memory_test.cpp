// Kernels and the life of the memory that they use, in every execution mode; and launches that the device
// refuses.
#include <cuda_runtime_api.h>

#include <csignal>
#include <string>
#include <vector>

#include "tests/emulator/bugs/bug_test.h"
#include "tests/emulator/bugs/device_functions.h"
#include "tests/emulator/kernels/grid.h"
#include "tests/emulator/report.h"
#include "tests/emulator/runtime/handles.h"

namespace dlengine::emulator::test {
namespace {

constexpr int kCount = 64;

class KernelMemoryBugs : public BugTest {
 protected:
  void wait() { EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess); }
  void zero(const Buffer& buffer, size_t bytes) {
    EXPECT_EQ(cudaMemset(buffer.data(), 0, bytes), cudaSuccess);
    wait();
  }

  Stream a_, b_;
};

TEST_P(KernelMemoryBugs, KernelsOfTwoStreamsAreOrdered) {
  const Buffer x(kCount), y(kCount), z(kCount);
  zero(x, x.bytes());
  const auto program = [&](bool ordered) {
    launch_copy(x.data(), y.data(), kCount, a_);
    if (ordered) order(a_, b_);
    launch_copy(y.data(), z.data(), kCount, b_);
    wait();
  };
  program(true);
  expect_silence();
  program(false);
  expect_report(kind::kOperationRace);
}

TEST_P(KernelMemoryBugs, ReadersOfTwoStreamsComeBeforeTheWriter) {
  const Buffer x(kCount), y(kCount), z(kCount);
  zero(x, x.bytes());
  zero(y, y.bytes());
  const auto program = [&](bool ordered) {
    const Stream c;
    launch_copy(x.data(), z.data(), kCount / 2, a_);
    launch_copy(x.data(), z.data() + kCount / 2, kCount / 2, b_);
    if (ordered) order(a_, c);
    order(b_, c);
    launch_copy(y.data(), x.data(), kCount, c);
    wait();
  };
  program(true);
  expect_silence();
  program(false);
  expect_report(kind::kOperationRace);
}

TEST_P(KernelMemoryBugs, MemoryIsUsedUntilItIsFreed) {
  const Buffer y(kCount);
  void* data = nullptr;
  const auto program = [&](bool after) {
    cudaMallocAsync(&data, y.bytes(), a_);
    cudaMemsetAsync(data, 0, y.bytes(), a_);
    if (!after) launch_copy(static_cast<float*>(data), y.data(), kCount, a_);
    cudaFreeAsync(data, a_);
    if (after) launch_copy(static_cast<float*>(data), y.data(), kCount, a_);
    wait();
  };
  program(false);
  expect_silence();
  program(true);
  expect_report(kind::kUseAfterFree);
}

TEST_P(KernelMemoryBugs, AnotherStreamUsesMemoryAfterItsBirthAndBeforeItsDeath) {
  const Buffer x(kCount);
  zero(x, x.bytes());
  const auto program = [&](bool after_birth, bool before_death) {
    void* data = nullptr;
    cudaMallocAsync(&data, x.bytes(), a_);
    if (after_birth) order(a_, b_);
    launch_copy(x.data(), static_cast<float*>(data), kCount, b_);
    if (before_death) order(b_, a_);
    cudaFreeAsync(data, a_);
    wait();
  };
  program(true, true);
  expect_silence();
  program(false, true);
  expect_report(kind::kUseBeforeAllocation);
  program(true, false);
  expect_reports_of({kind::kOperationRace, kind::kUseAfterFree});
}

TEST_P(KernelMemoryBugs, PinnedMemoryIsForKernelsToo) {
  const Buffer y(kCount);
  const PinnedBuffer pinned(kCount);
  std::vector<float> pageable(kCount, 1.0f);
  std::fill_n(pinned.data(), kCount, 1.0f);
  launch_copy(pinned.data(), y.data(), kCount, a_);
  wait();
  expect_silence();
  launch_copy(pageable.data(), y.data(), kCount, a_);
  wait();
  expect_report(kind::kNotDeviceMemory);
}

TEST_P(KernelMemoryBugs, UninitialisedBytesAreNaNAndStayUninitialisedWhenCopied) {
  const Buffer x(kCount), y(kCount), z(kCount);
  zero(x, x.bytes() / 2);
  cudaMemcpyAsync(y.data(), x.data(), x.bytes(), cudaMemcpyDeviceToDevice, a_);
  launch_copy(y.data(), z.data(), kCount / 2, a_);
  wait();
  expect_silence();
  launch_copy(y.data(), z.data(), kCount, a_);
  wait();
  expect_report(kind::kUninitialised);
  std::vector<float> result(kCount);
  cudaMemcpy(result.data(), z.data(), z.bytes(), cudaMemcpyDeviceToHost);
  EXPECT_EQ(result[kCount / 2 - 1], 0);
  EXPECT_TRUE(std::isnan(result[kCount / 2]));
  expect_silence();
}

TEST_P(KernelMemoryBugs, AddressesComeBackLate) {
  constexpr size_t kBytes = size_t{4} << 20;
  void* first = nullptr;
  ASSERT_EQ(cudaMallocAsync(&first, kBytes, a_), cudaSuccess);
  EXPECT_EQ(cudaFreeAsync(first, a_), cudaSuccess);
  for (int i = 0; i < 1000; ++i) {
    void* next = nullptr;
    ASSERT_EQ(cudaMallocAsync(&next, kBytes, a_), cudaSuccess);
    EXPECT_NE(next, first);
    EXPECT_EQ(cudaFreeAsync(next, a_), cudaSuccess);
  }
  wait();
}

TEST_P(KernelMemoryBugs, LaunchesHaveLimits) {
  struct Case {
    LaunchShape shape;
    cudaError_t status;
  };
  const Case cases[] = {
      {{.grid = {2147483647, 1, 1}, .block = {1024, 1, 1}, .dynamic_shared = 48 << 10}, cudaSuccess},
      {{.grid = {1, 65535, 65535}, .block = {1, 16, 64}}, cudaSuccess},
      {{.grid = {0, 1, 1}, .block = {1, 1, 1}}, cudaErrorInvalidConfiguration},
      {{.grid = {1, 65536, 1}, .block = {1, 1, 1}}, cudaErrorInvalidConfiguration},
      {{.grid = {1, 1, 1}, .block = {0, 1, 1}}, cudaErrorInvalidConfiguration},
      {{.grid = {1, 1, 1}, .block = {2048, 1, 1}}, cudaErrorInvalidConfiguration},
      {{.grid = {1, 1, 1}, .block = {32, 33, 1}}, cudaErrorInvalidConfiguration},
      {{.grid = {1, 1, 1}, .block = {1, 1, 65}}, cudaErrorInvalidConfiguration},
      {{.grid = {1, 1, 1}, .block = {1, 1, 1}, .dynamic_shared = 100 << 10}, cudaErrorInvalidValue},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(check_launch({"kernel", &cases}, c.shape), c.status);
    c.status == cudaSuccess ? expect_silence() : expect_report(kind::kLaunch);
  }
}

TEST_P(KernelMemoryBugs, MoreDynamicMemoryIsForKernelsThatAskedForIt) {
  const auto* kernel = reinterpret_cast<const void*>(&launch_copy);
  const LaunchShape shape{.grid = {1, 1, 1}, .block = {1, 1, 1}, .dynamic_shared = 100 << 10};
  EXPECT_EQ(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, 100 << 10),
            cudaSuccess);
  EXPECT_EQ(check_launch({"kernel", kernel}, shape), cudaSuccess);
}

TEST_P(KernelMemoryBugs, StackOverflowEndsTheProcess) {
  const Buffer result(1);
  EXPECT_DEATH(
      {
        launch_deep_recursion(result.data());
        wait();
      },
      std::string(kind::kStackOverflow) + ".*device_functions.cu");
}

TEST_P(KernelMemoryBugs, OtherFaultsGoToTheHandlerThatWasThereBefore) {
  EXPECT_EXIT(
      {
        volatile int* nowhere = nullptr;
        *nowhere = 1;
      },
      testing::KilledBySignal(SIGSEGV), "");
}

DLENGINE_IN_EVERY_MODE(KernelMemoryBugs);

}  // namespace
}  // namespace dlengine::emulator::test

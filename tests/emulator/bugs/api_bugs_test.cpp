// Wrong calls of the CUDA runtime, each beside the correct call that it is a slip of; and calls that a test
// wants to fail.
#include <cuda_runtime_api.h>

#include <csignal>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "tests/emulator/bugs/bug_test.h"
#include "tests/emulator/report.h"
#include "tests/emulator/runtime/cudart.h"

namespace dlengine::emulator::test {
namespace {

class ApiBugs : public CopyTest {};

TEST_P(ApiBugs, MemoryIsFreedOnce) {
  void* data = nullptr;
  ASSERT_EQ(cudaMalloc(&data, 64), cudaSuccess);
  EXPECT_EQ(cudaFree(static_cast<char*>(data) + 4), cudaErrorInvalidValue);
  expect_report(kind::kForeignFree);
  EXPECT_EQ(cudaFreeAsync(data, stream_), cudaErrorInvalidValue);  // not from the pool
  expect_report(kind::kForeignFree);
  EXPECT_EQ(cudaFree(data), cudaSuccess);
  expect_silence();
  EXPECT_EQ(cudaFree(data), cudaErrorInvalidValue);
  expect_report(kind::kDoubleFree);
  ASSERT_EQ(cudaMallocAsync(&data, 64, stream_), cudaSuccess);
  EXPECT_EQ(cudaFreeAsync(data, stream_), cudaSuccess);
  expect_silence();
  EXPECT_EQ(cudaFreeAsync(data, stream_), cudaErrorInvalidValue);
  expect_report(kind::kDoubleFree);
}

TEST_P(ApiBugs, HostMemoryIsNotTheDevicesToFree) {
  EXPECT_EQ(cudaFree(host_.data()), cudaErrorInvalidValue);
  expect_report(kind::kForeignFree);
  EXPECT_EQ(cudaFreeHost(buffer_.data()), cudaErrorInvalidValue);
  expect_report(kind::kForeignFree);
}

TEST_P(ApiBugs, FreedMemoryIsNotCopied) {
  void* data = nullptr;
  ASSERT_EQ(cudaMalloc(&data, kBytes), cudaSuccess);
  ASSERT_EQ(cudaMemset(data, 0, kBytes), cudaSuccess);
  ASSERT_EQ(cudaFree(data), cudaSuccess);
  expect_silence();
  EXPECT_EQ(cudaMemcpy(host_.data(), data, kBytes, cudaMemcpyDeviceToHost), cudaErrorInvalidValue);
  expect_report(kind::kUseAfterFree);
}

TEST_P(ApiBugs, HostFunctionsDoNotCallTheRuntime) {
  const auto program = [&](cudaHostFn_t function) {
    int calls = 0;
    EXPECT_EQ(cudaLaunchHostFunc(stream_, function, &calls), cudaSuccess);
    stream_.wait();
    EXPECT_EQ(calls, 1);
  };
  program([](void* calls) { ++*static_cast<int*>(calls); });
  expect_silence();
  program([](void* calls) {
    ++*static_cast<int*>(calls);
    EXPECT_EQ(cudaDeviceSynchronize(), cudaErrorNotPermitted);
  });
  expect_report(kind::kHostFunctionCall);
}

TEST_P(ApiBugs, OutOfMemoryIsAStatusAndNoReport) {
  size_t free = 0, total = 0;
  ASSERT_EQ(cudaMemGetInfo(&free, &total), cudaSuccess);
  void* data = &free;
  EXPECT_EQ(cudaMalloc(&data, total + 1), cudaErrorMemoryAllocation);
  EXPECT_EQ(data, nullptr);
  EXPECT_EQ(cudaMallocAsync(&data, total + 1, stream_), cudaErrorMemoryAllocation);
  EXPECT_EQ(cudaGetLastError(), cudaErrorMemoryAllocation);
}

TEST_P(ApiBugs, MemoryFreedInStreamOrderIsThereForTheNext) {
  const size_t capacity = device_capacity();
  control().set_capacity(device_bytes_in_use() + (size_t{1} << 20));
  for (int i = 0; i < 4; ++i) {
    void* data = nullptr;
    EXPECT_EQ(cudaMallocAsync(&data, 600 << 10, stream_), cudaSuccess);
    EXPECT_EQ(cudaMemsetAsync(data, 0, 600 << 10, stream_), cudaSuccess);
    EXPECT_EQ(cudaFreeAsync(data, stream_), cudaSuccess);
  }
  control().set_capacity(capacity);
}

TEST_P(ApiBugs, PoolKeepsWhatItsThresholdAllows) {
  cudaMemPool_t pool = nullptr;
  ASSERT_EQ(cudaDeviceGetDefaultMemPool(&pool, 0), cudaSuccess);
  const auto reserved = [&] {
    uint64_t bytes = 0;
    EXPECT_EQ(cudaMemPoolGetAttribute(pool, cudaMemPoolAttrReservedMemCurrent, &bytes), cudaSuccess);
    return bytes;
  };
  for (const uint64_t threshold : {~uint64_t{0}, uint64_t{0}}) {
    uint64_t value = threshold;
    ASSERT_EQ(cudaMemPoolSetAttribute(pool, cudaMemPoolAttrReleaseThreshold, &value), cudaSuccess);
    void* data = nullptr;
    ASSERT_EQ(cudaMallocAsync(&data, 4096, stream_), cudaSuccess);
    EXPECT_GE(reserved(), 4096);
    ASSERT_EQ(cudaFreeAsync(data, stream_), cudaSuccess);
    stream_.wait();
    EXPECT_EQ(reserved() > 0, threshold > 0);
    ASSERT_EQ(cudaMemPoolTrimTo(pool, 0), cudaSuccess);
    EXPECT_EQ(reserved(), 0);
  }
}

TEST_P(ApiBugs, WhatIsNotEmulatedSaysSo) {
  int value = 0;
  EXPECT_EQ(cudaDeviceGetAttribute(&value, cudaDevAttrComputeCapabilityMajor, 0), cudaSuccess);
  expect_silence();
  EXPECT_EQ(cudaDeviceGetAttribute(&value, cudaDevAttrMaxTexture1DWidth, 0), cudaErrorNotSupported);
  expect_report(kind::kNotEmulated);
  EXPECT_EQ(cudaSetDevice(1), cudaErrorInvalidDevice);
  expect_report(kind::kInvalidArgument);
}

TEST_P(ApiBugs, DeviceSaysThatItIsEmulated) {
  cudaDeviceProp properties{};
  ASSERT_EQ(cudaGetDeviceProperties(&properties, 0), cudaSuccess);
  EXPECT_THAT(std::string(properties.name), testing::HasSubstr("emulated"));
  EXPECT_EQ(properties.major, 9);
}

TEST_P(ApiBugs, LastErrorIsKeptUntilItIsAskedFor) {
  void* data = nullptr;
  ASSERT_EQ(cudaMalloc(&data, ~size_t{0} / 2), cudaErrorMemoryAllocation);
  EXPECT_EQ(upload(), cudaSuccess);
  std::thread([] { EXPECT_EQ(cudaGetLastError(), cudaSuccess); }).join();  // each thread has its own
  EXPECT_EQ(cudaPeekAtLastError(), cudaErrorMemoryAllocation);
  EXPECT_EQ(cudaGetLastError(), cudaErrorMemoryAllocation);
  EXPECT_EQ(cudaGetLastError(), cudaSuccess);
  EXPECT_STREQ(cudaGetErrorName(cudaErrorMemoryAllocation), "cudaErrorMemoryAllocation");
  EXPECT_STREQ(cudaGetErrorString(cudaErrorMemoryAllocation), "out of memory");
}

TEST_P(ApiBugs, InjectedFailureHappensOnceAndDoesNothing) {
  control().inject("cudaMemsetAsync", 2, cudaErrorUnknown);
  const uint64_t memsets = control().counters().memsets;
  EXPECT_EQ(cudaMemsetAsync(buffer_.data(), 0, kBytes, stream_), cudaSuccess);
  EXPECT_EQ(upload(), cudaSuccess);  // another function
  EXPECT_EQ(cudaMemsetAsync(buffer_.data(), 0, kBytes, stream_), cudaErrorUnknown);
  EXPECT_EQ(cudaGetLastError(), cudaErrorUnknown);
  EXPECT_EQ(cudaMemsetAsync(buffer_.data(), 0, kBytes, stream_), cudaSuccess);
  EXPECT_EQ(control().calls(), 3);
  EXPECT_EQ(control().counters().memsets, memsets + 2);
  stream_.wait();
}

TEST_P(ApiBugs, EveryCallCanBeMadeToFail) {
  const auto program = [&] {
    void* data = nullptr;
    cudaError_t first = cudaMalloc(&data, 64);
    for (const cudaError_t next : {first ? first : cudaMemsetAsync(data, 0, 64, stream_),
                                   cudaStreamSynchronize(stream_), cudaFree(data)}) {
      if (first == cudaSuccess) first = next;
    }
    return first;
  };
  control().inject("*", 0, 0);
  ASSERT_EQ(program(), cudaSuccess);
  const uint64_t calls = control().calls();
  ASSERT_EQ(calls, 4);
  for (uint64_t nth = 1; nth < calls; ++nth) {
    control().inject("*", nth, cudaErrorUnknown);
    EXPECT_EQ(program(), cudaErrorUnknown) << nth;
  }
  control().inject("*", 0, 0);
}

TEST_P(ApiBugs, BrokenContextStaysBroken) {
  control().inject("cudaStreamSynchronize", 1, cudaErrorIllegalAddress);
  EXPECT_EQ(cudaStreamSynchronize(stream_), cudaErrorIllegalAddress);
  EXPECT_EQ(upload(), cudaErrorIllegalAddress);
  EXPECT_EQ(cudaGetLastError(), cudaErrorIllegalAddress);
  EXPECT_EQ(cudaGetLastError(), cudaErrorIllegalAddress);
  control().inject("*", 0, 0);  // mends it
  EXPECT_EQ(upload(), cudaSuccess);
  stream_.wait();
}

TEST_P(ApiBugs, ThreadsMayCallAtOnce) {
  constexpr int kThreads = 4;
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([i] {
      const Stream stream;
      const Buffer buffer(kCount);
      std::vector<float> out(kCount, float(i)), back(kCount);
      for (int round = 0; round < 50; ++round) {
        cudaMemcpyAsync(buffer.data(), out.data(), kBytes, cudaMemcpyHostToDevice, stream);
        cudaMemcpyAsync(back.data(), buffer.data(), kBytes, cudaMemcpyDeviceToHost, stream);
        ASSERT_EQ(back, out);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_P(ApiBugs, OperationsAreCounted) {
  const Control::Counters before = control().counters();
  upload();
  enqueue_read(stream_, buffer_);
  enqueue(
      stream_, "library", [] {}, OperationKind::library_call);
  cudaMemsetAsync(buffer_.data(), 0, kBytes, stream_);
  stream_.wait();
  const Control::Counters after = control().counters();
  EXPECT_EQ(after.kernels - before.kernels, 1);
  EXPECT_EQ(after.library_calls - before.library_calls, 1);
  EXPECT_EQ(after.copies - before.copies, 1);
  EXPECT_EQ(after.copied_bytes - before.copied_bytes, kBytes);
  EXPECT_EQ(after.host_device_copies - before.host_device_copies, 1);
  EXPECT_EQ(after.memsets - before.memsets, 1);
  EXPECT_EQ(after.synchronisations - before.synchronisations, 1);
}

TEST_P(ApiBugs, KernelAttributes) {
  const void* kernel = reinterpret_cast<const void*>(+[](float*) {});
  cudaFuncAttributes attributes{};
  ASSERT_EQ(cudaFuncGetAttributes(&attributes, kernel), cudaSuccess);
  EXPECT_EQ(attributes.maxDynamicSharedSizeBytes, 48 << 10);
  EXPECT_EQ(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, 100 << 10),
            cudaSuccess);
  ASSERT_EQ(cudaFuncGetAttributes(&attributes, kernel), cudaSuccess);
  EXPECT_EQ(attributes.maxDynamicSharedSizeBytes, 100 << 10);
  EXPECT_EQ(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, 300 << 10),
            cudaErrorInvalidValue);
  expect_report(kind::kInvalidArgument);
  EXPECT_EQ(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, 48 << 10), cudaSuccess);
}

void free_twice() {
  void* data = nullptr;
  cudaMalloc(&data, 64);
  cudaFree(data);
  cudaFree(data);
}

TEST(UntakenReports, FailTheProcessAtItsEnd) {
  const auto program = [](bool is_wrong) {
    (void)control().take_reports();
    if (is_wrong) free_twice();
    std::exit(0);
  };
  EXPECT_EXIT(program(false), testing::ExitedWithCode(0), "");
  EXPECT_EXIT(program(true), testing::ExitedWithCode(86), "cuda-emu: double free: cudaFree: ");
}

TEST(UntakenReports, EndTheProcessAtOnceIfThatIsAsked) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");  // a process that has not read the variable yet
  ASSERT_EQ(setenv("DLENGINE_EMU_DIE", "1", 1), 0);
  const auto program = [] {
    free_twice();
    std::exit(0);
  };
  EXPECT_EXIT(program(), testing::KilledBySignal(SIGABRT), "cuda-emu: double free: cudaFree: ");
  unsetenv("DLENGINE_EMU_DIE");
}

DLENGINE_IN_EVERY_MODE(ApiBugs);

}  // namespace
}  // namespace dlengine::emulator::test

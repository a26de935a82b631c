// Recorded steps where several threads and streams use one device.
#include <gtest/gtest.h>

#include <optional>
#include <thread>
#include <vector>

#include "dlengine/core/autograd.h"
#include "dlengine/core/capture.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/ops.h"
#include "dlengine/core/stream.h"
#include "tests/emulator/control.h"
#include "tests/support/devices.h"

namespace dlengine::test {
namespace {

/// Adds up 1, 1 + w, 1 + 2 w, ... in recorded steps of a reduction, a product and an update.
std::vector<float> recorded_sums(Device device, float w, int steps) {
  const NoGrad no_grad;
  Tensor x = ones({64, 64}, DType::f32, device), total = zeros({1}, DType::f32, device);
  const Tensor unit = eye(64, DType::f32, device);
  RecordedStep recorded(device);
  const auto step = [&] {
    total.copy_(total + sum(matmul(x, unit)) * (1.0 / 4096));
    x.copy_(x + double(w));
  };
  step();
  EXPECT_TRUE(recorded.rehearse(step));
  recorded.record(step);
  std::vector<float> seen;
  for (int i = 3; i < steps; ++i) {
    recorded.replay();
    seen.push_back(total.item<float>());
  }
  synchronize(device);
  return seen;
}

class RecordingThreads : public testing::TestWithParam<bool> {};

TEST_P(RecordingThreads, ThreadsRecordSideBySide) {
  for (const Device device : devices()) {
    SCOPED_TRACE(to_string(device));
    constexpr int kThreads = 3, kRounds = 4;
    std::vector<std::vector<float>> want, found(kThreads);
    for (int i = 0; i < kThreads; ++i) want.push_back(recorded_sums(device, float(i + 1), 8));
    std::vector<std::thread> threads;
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&, i] {
        for (int round = 0; round < kRounds; ++round) {
          std::optional<StreamGuard> own;
          if (GetParam()) own.emplace(Stream(device));
          found[size_t(i)] = recorded_sums(device, float(i + 1), 8);
          if (found[size_t(i)] != want[size_t(i)]) return;
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(found, want);
  }
}
INSTANTIATE_TEST_SUITE_P(All, RecordingThreads, testing::Bool(),
                         [](const auto& row) { return row.param ? "OnStreamsOfTheirOwn" : "OnOneStream"; });

TEST(RecordedStreams, AnothersWorkDuringARecordingIsNotInIt) {
  for (const Device device : devices()) {
    SCOPED_TRACE(to_string(device));
    const NoGrad no_grad;
    Tensor x = zeros({4}, DType::f32, device), other = zeros({4}, DType::f32, device);
    bool from_outside = false;
    const auto step = [&] {
      x.copy_(x + 1.0);
      if (!from_outside) return;
      std::thread([&] {
        other.copy_(other + 1.0);
        EXPECT_EQ(other.to_vector<float>(), std::vector<float>(4, 1));
      }).join();
    };
    RecordedStep recorded(device);
    recorded.rehearse(step);
    from_outside = true;
    recorded.record(step);
    recorded.replay();
    EXPECT_EQ(x.to_vector<float>(), std::vector<float>(4, 3));
    EXPECT_EQ(other.to_vector<float>(), std::vector<float>(4, 1));
  }
}

// The recording's counters and workspaces belong to the stream where it was made.
TEST(RecordedStreams, AReplayOnAnotherStreamComesAfterTheWorkOfItsOwn) {
  for (const Device device : devices()) {
    SCOPED_TRACE(to_string(device));
    const NoGrad no_grad;
    const Tensor many = ones({1 << 16}, DType::f32, device);
    Tensor total = zeros({1}, DType::f32, device);
    const auto step = [&] { total.copy_(total + sum(many)); };
    RecordedStep recorded(device);
    recorded.rehearse(step);
    recorded.record(step);
    synchronize(device);
    const Stream side(device);
    Tensor mine;
    for (int i = 0; i < 3; ++i) {
      mine = sum(many);
      const StreamGuard guard(side);
      recorded.replay();
      EXPECT_EQ(total.item<float>(), float((i + 3) << 16));
    }
    EXPECT_EQ(mine.item<float>(), float(1 << 16));
    synchronize(device);
  }
}

TEST(ReadingAnElement, WaitsForItsCopyAlone) {
  for (const Device device : accelerators()) {
    const Tensor x = ones({4}, DType::f32, device).select(0, 1);
    EXPECT_EQ(x.item<float>(), 1);
    emulator::Control* const control = emulated_device();
    if (!control) GTEST_SKIP() << "waits are counted on the emulated device alone";
    const uint64_t before = control->counters().synchronisations;
    EXPECT_EQ(x.item<float>(), 1);
    // The copy to pageable memory, and the wait behind it, which finds nothing left.
    EXPECT_EQ(control->counters().synchronisations - before, 2u);
  }
}

}  // namespace
}  // namespace dlengine::test

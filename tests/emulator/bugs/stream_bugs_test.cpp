// Bugs in the order of work on streams, each beside the correct program that it is a slip of.
#include <cuda_runtime_api.h>

#include <chrono>
#include <memory>
#include <optional>
#include <vector>

#include "tests/emulator/bugs/bug_test.h"
#include "tests/emulator/report.h"
#include "tests/emulator/runtime/cudart.h"
#include "tests/emulator/runtime/handles.h"

namespace dlengine::emulator::test {
namespace {

constexpr size_t kCount = 32;

class StreamBugs : public BugTest {
 protected:
  Stream a_, b_;
  Buffer buffer_{kCount};

  void SetUp() override {
    BugTest::SetUp();
    enqueue_write(a_, buffer_, 0);
    a_.wait();
  }

  // Ends a program whose work may be unordered.
  void finish() { EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess); }
};

TEST_P(StreamBugs, ReaderOnAnotherStreamWaitsForTheWriter) {
  const auto program = [&](bool ordered) {
    enqueue_write(a_, buffer_, 1);
    if (ordered) order(a_, b_);
    enqueue_read(b_, buffer_);
    finish();
  };
  program(true);
  expect_silence();
  program(false);
  expect_report(kind::kOperationRace);
}

TEST_P(StreamBugs, WriterOnAnotherStreamWaitsForTheReader) {
  const auto program = [&](bool ordered) {
    enqueue_write(a_, buffer_, 1);
    order(a_, b_);
    enqueue_read(a_, buffer_);
    if (ordered) order(a_, b_);
    enqueue_write(b_, buffer_, 2);
    finish();
  };
  program(true);
  expect_silence();
  program(false);
  expect_report(kind::kOperationRace);
}

TEST_P(StreamBugs, EventStandsForWhatWasThereWhenItWasRecorded) {
  const auto program = [&](bool recorded_early) {
    const Event event;
    if (recorded_early) cudaEventRecord(event, a_);
    enqueue_write(a_, buffer_, 1);
    if (!recorded_early) cudaEventRecord(event, a_);
    cudaStreamWaitEvent(b_, event, 0);
    enqueue_read(b_, buffer_);
    finish();
  };
  program(false);
  expect_silence();
  program(true);
  expect_report(kind::kOperationRace);
}

TEST_P(StreamBugs, WaitingDoesNotFollowALaterRecord) {
  const Event event;
  cudaEventRecord(event, a_);
  cudaStreamWaitEvent(b_, event, 0);
  enqueue_write(a_, buffer_, 1);
  cudaEventRecord(event, a_);
  enqueue_read(b_, buffer_);
  finish();
  expect_report(kind::kOperationRace);
}

TEST_P(StreamBugs, OrderPassesThroughAThirdStream) {
  const Stream c;
  enqueue_write(a_, buffer_, 1);
  order(a_, b_);
  order(b_, c);
  enqueue_read(c, buffer_);
  finish();
}

TEST_P(StreamBugs, HostThatWaitedOrdersWhatComesLater) {
  const auto program = [&](bool waits) {
    const Stream c;
    enqueue_write(a_, buffer_, 1);
    enqueue(b_, "bystander", [] {});
    waits ? a_.wait() : b_.wait();
    enqueue_read(c, buffer_);
    finish();
  };
  program(true);
  expect_silence();
  program(false);
  expect_report(kind::kOperationRace);
}

TEST_P(StreamBugs, HostThatAskedUntilItWasDoneHasWaited) {
  enqueue_write(a_, buffer_, 1);
  while (cudaStreamQuery(a_) == cudaErrorNotReady) {
  }
  enqueue_write(b_, buffer_, 2);
  const Event event;
  cudaEventRecord(event, b_);
  while (cudaEventQuery(event) == cudaErrorNotReady) {
  }
  enqueue_read(a_, buffer_);
  finish();
}

TEST_P(StreamBugs, AskingOnceIsNotWaiting) {
  if (is_eager()) GTEST_SKIP() << "the work is done at once";
  for (int i = 0; i < 8; ++i) enqueue_write(a_, buffer_, 1);
  EXPECT_EQ(cudaStreamQuery(a_), cudaErrorNotReady);
  enqueue_read(b_, buffer_);
  finish();
  expect_report(kind::kOperationRace);
}

TEST_P(StreamBugs, DefaultStreamIsOrderedWithBlockingStreamsOnly) {
  const auto program = [&](unsigned flags) {
    const Stream stream(flags);
    enqueue_write(nullptr, buffer_, 1);
    enqueue_read(stream, buffer_);
    enqueue_write(nullptr, buffer_, 2);
    finish();
  };
  program(cudaStreamDefault);
  expect_silence();
  program(cudaStreamNonBlocking);
  expect_report(kind::kOperationRace);
}

TEST_P(StreamBugs, MemoryIsUsedAfterItsAllocation) {
  const auto program = [&](bool ordered) {
    void* data = nullptr;
    ASSERT_EQ(cudaMallocAsync(&data, 64, a_), cudaSuccess);
    if (ordered) order(a_, b_);
    cudaMemsetAsync(data, 0, 64, b_);
    order(b_, a_);
    cudaFreeAsync(data, a_);
    finish();
  };
  program(true);
  expect_silence();
  program(false);
  expect_report(kind::kUseBeforeAllocation);
}

TEST_P(StreamBugs, MemoryIsFreedAfterItsLastUse) {
  const auto program = [&](bool ordered) {
    void* data = nullptr;
    ASSERT_EQ(cudaMallocAsync(&data, 64, a_), cudaSuccess);
    order(a_, b_);
    cudaMemsetAsync(data, 0, 64, b_);
    if (ordered) order(b_, a_);
    cudaFreeAsync(data, a_);
    finish();
  };
  program(true);
  expect_silence();
  program(false);
  expect_reports_of({kind::kUseAfterFree, kind::kOperationRace});
}

TEST_P(StreamBugs, MemoryIsNotUsedAfterItWasFreed) {
  void* data = nullptr;
  ASSERT_EQ(cudaMallocAsync(&data, 64, a_), cudaSuccess);
  cudaFreeAsync(data, a_);
  enqueue(a_, "late writer", [data] { touch(data, 64, Access::write, "its result"); });
  finish();
  expect_report(kind::kUseAfterFree);
  EXPECT_EQ(cudaMemsetAsync(data, 0, 64, a_), cudaErrorInvalidValue);
  expect_report(kind::kUseAfterFree);
}

TEST_P(StreamBugs, WaitingForAnEventThatWasNeverRecordedWaitsForNothing) {
  const Event event;
  EXPECT_EQ(cudaStreamWaitEvent(a_, event, 0), cudaSuccess);
  expect_report(kind::kNeverRecorded);
  EXPECT_EQ(cudaEventSynchronize(event), cudaSuccess);
  expect_report(kind::kNeverRecorded);
}

TEST_P(StreamBugs, DestroyedStreamsAndEventsAreRefused) {
  cudaStream_t stream = nullptr;
  cudaEvent_t event = nullptr;
  ASSERT_EQ(cudaStreamCreate(&stream), cudaSuccess);
  ASSERT_EQ(cudaEventCreate(&event), cudaSuccess);
  ASSERT_EQ(cudaStreamDestroy(stream), cudaSuccess);
  ASSERT_EQ(cudaEventDestroy(event), cudaSuccess);
  EXPECT_EQ(enqueue_write(stream, buffer_, 1), cudaErrorInvalidResourceHandle);
  expect_report(kind::kDestroyedHandle);
  EXPECT_EQ(cudaStreamSynchronize(stream), cudaErrorInvalidResourceHandle);
  expect_report(kind::kDestroyedHandle);
  EXPECT_EQ(cudaEventRecord(event, a_), cudaErrorInvalidResourceHandle);
  expect_report(kind::kDestroyedHandle);
  EXPECT_EQ(cudaEventDestroy(event), cudaErrorInvalidResourceHandle);
  expect_report(kind::kDestroyedHandle);
  EXPECT_EQ(cudaStreamDestroy(reinterpret_cast<cudaStream_t>(&buffer_)), cudaErrorInvalidResourceHandle);
  expect_report(kind::kForeignHandle);
}

TEST_P(StreamBugs, WorkOfADestroyedStreamStillRuns) {
  PinnedBuffer result(kCount);
  {
    const Stream c;
    enqueue_write(c, buffer_, 5);
    cudaMemcpyAsync(result.data(), buffer_.data(), buffer_.bytes(), cudaMemcpyDeviceToHost, c);
  }
  finish();
  EXPECT_EQ(result.data()[kCount - 1], 5);
}

TEST_P(StreamBugs, StreamThatTakesTheLaneOfAnotherIsNotOrderedWithItsWork) {
  const auto program = [&](bool waits) {
    auto first = std::make_unique<Stream>();
    enqueue_write(*first, buffer_, 1);
    if (waits) first->wait();
    first.reset();
    const Stream second;
    enqueue_read(second, buffer_);
    finish();
  };
  program(true);
  expect_silence();
  program(false);
  expect_report(kind::kOperationRace);
}

TEST_P(StreamBugs, TimeBetweenEvents) {
  const Event start, stop, untimed(cudaEventDisableTiming);
  cudaEventRecord(start, a_);
  enqueue_write(a_, buffer_, 1);
  cudaEventRecord(stop, a_);
  float milliseconds = -1;
  if (is_lazy()) {
    EXPECT_EQ(cudaEventElapsedTime(&milliseconds, start, stop), cudaErrorNotReady);
  }
  cudaEventSynchronize(stop);
  EXPECT_EQ(cudaEventElapsedTime(&milliseconds, start, stop), cudaSuccess);
  EXPECT_GE(milliseconds, 0);
  cudaEventRecord(untimed, a_);
  EXPECT_EQ(cudaEventElapsedTime(&milliseconds, start, untimed), cudaErrorInvalidResourceHandle);
  expect_report(kind::kInvalidArgument);
}

TEST_P(StreamBugs, LongQueuesRunInTheOrderOfTheStream) {
  constexpr int kOperations = 5000;
  const auto order_of_runs = std::make_shared<std::vector<int>>();
  for (int i = 0; i < kOperations; ++i) enqueue(a_, "counter", [=] { order_of_runs->push_back(i); });
  a_.wait();
  ASSERT_EQ(order_of_runs->size(), size_t{kOperations});
  for (int i = 0; i < kOperations; ++i) ASSERT_EQ((*order_of_runs)[size_t(i)], i);
}

TEST_P(StreamBugs, ModesDifferInWhatRunsBeforeTheHostWaits) {
  const auto ran = std::make_shared<int>(0);
  for (int i = 0; i < 64; ++i) enqueue(i % 2 ? a_ : b_, "counter", [=] { ++*ran; });
  if (is_lazy()) {
    EXPECT_EQ(*ran, 0);
    a_.wait();
    EXPECT_EQ(*ran, 32);
  } else if (is_eager()) {
    EXPECT_EQ(*ran, 64);
  } else {
    EXPECT_GT(*ran, 0);
    EXPECT_LT(*ran, 64);
  }
  finish();
  EXPECT_EQ(*ran, 64);
}

DLENGINE_IN_EVERY_MODE(StreamBugs);

}  // namespace
}  // namespace dlengine::emulator::test

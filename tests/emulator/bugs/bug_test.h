// For tests that plant a bug and want it found: the device in every execution mode, and small work for it.
#pragma once

#include <cuda_runtime_api.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "tests/emulator/control.h"
#include "tests/emulator/memory/memory.h"
#include "tests/emulator/runtime/timeline.h"

namespace dlengine::emulator::test {

inline Control& control() { return *dlengine_emulator_control(); }

/// Every test leaves neither reports nor objects behind.
class BugTest : public testing::TestWithParam<Execution> {
 protected:
  void SetUp() override {
    control().set_modes(Schedule::forward, GetParam(), 11);
    control().inject("*", 0, 0);
    live_before_ = control().live_objects();
  }
  void TearDown() override {
    expect_silence();
    EXPECT_EQ(control().live_objects(), live_before_);
    (void)cudaGetLastError();
  }

  /// What ran so far is correct.
  void expect_silence() { EXPECT_THAT(control().take_reports(), testing::IsEmpty()); }
  /// The device found this bug and no other, though perhaps in several places.
  void expect_report(std::string_view kind) { expect_reports_of({kind}); }
  /// The same where the order in which the device works decides which of the kinds it is.
  void expect_reports_of(std::initializer_list<std::string_view> kinds) {
    const std::vector<std::string> reports = control().take_reports();
    EXPECT_FALSE(reports.empty());
    for (const std::string& report : reports) {
      const std::string_view found = std::string_view(report).substr(0, report.find(": "));
      EXPECT_NE(std::find(kinds.begin(), kinds.end(), found), kinds.end()) << report;
    }
  }
  bool is_lazy() const { return GetParam() == Execution::lazy; }
  bool is_eager() const { return GetParam() == Execution::eager; }

 private:
  size_t live_before_ = 0;
};

/// Runs the suite's tests in every execution mode.
#define DLENGINE_IN_EVERY_MODE(Suite)                                                                        \
  INSTANTIATE_TEST_SUITE_P(, Suite, testing::Values(Execution::lazy, Execution::eager, Execution::shuffled), \
                           [](const auto& test) {                                                            \
                             return std::string(test.param == Execution::lazy    ? "lazy"                    \
                                                : test.param == Execution::eager ? "eager"                   \
                                                                                 : "shuffled");              \
                           })

class Stream {
 public:
  explicit Stream(unsigned flags = cudaStreamNonBlocking) {
    EXPECT_EQ(cudaStreamCreateWithFlags(&stream_, flags), cudaSuccess);
  }
  ~Stream() { EXPECT_EQ(cudaStreamDestroy(stream_), cudaSuccess); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  operator cudaStream_t() const { return stream_; }
  void wait() const { EXPECT_EQ(cudaStreamSynchronize(stream_), cudaSuccess); }

 private:
  cudaStream_t stream_ = nullptr;
};

class Event {
 public:
  explicit Event(unsigned flags = cudaEventDefault) {
    EXPECT_EQ(cudaEventCreateWithFlags(&event_, flags), cudaSuccess);
  }
  ~Event() { EXPECT_EQ(cudaEventDestroy(event_), cudaSuccess); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  operator cudaEvent_t() const { return event_; }

 private:
  cudaEvent_t event_ = nullptr;
};

/// Later work of `second` comes after what `first` has now.
inline void order(cudaStream_t first, cudaStream_t second) {
  const Event event;
  EXPECT_EQ(cudaEventRecord(event, first), cudaSuccess);
  EXPECT_EQ(cudaStreamWaitEvent(second, event, 0), cudaSuccess);
}

/// Floats in memory of one kind.
template <cudaError_t (*kAllocate)(void**, size_t), cudaError_t (*kFree)(void*)>
class Floats {
 public:
  explicit Floats(size_t count) : bytes_(count * sizeof(float)) {
    void* data = nullptr;
    EXPECT_EQ(kAllocate(&data, bytes_), cudaSuccess);
    data_ = static_cast<float*>(data);
  }
  ~Floats() { EXPECT_EQ(kFree(data_), cudaSuccess); }
  Floats(const Floats&) = delete;
  Floats& operator=(const Floats&) = delete;
  float* data() const { return data_; }
  size_t bytes() const { return bytes_; }

 private:
  size_t bytes_;
  float* data_ = nullptr;
};
using Buffer = Floats<cudaMalloc, cudaFree>;
/// The device can copy it by itself.
using PinnedBuffer = Floats<cudaMallocHost, cudaFreeHost>;

/// Tests that copy between the host and one buffer.
class CopyTest : public BugTest {
 protected:
  static constexpr size_t kCount = 64, kBytes = kCount * sizeof(float);
  Stream stream_;
  Buffer buffer_{kCount};
  std::vector<float> host_ = std::vector<float>(kCount);

  cudaError_t upload(size_t bytes = kBytes) {
    return cudaMemcpyAsync(buffer_.data(), host_.data(), bytes, cudaMemcpyHostToDevice, stream_);
  }
};

/// Work that writes a buffer, and work that reads it.
inline cudaError_t enqueue_write(cudaStream_t stream, const Buffer& buffer, float value) {
  return enqueue(stream, "writer", [data = buffer.data(), bytes = buffer.bytes(), value] {
    if (!touch(data, bytes, Access::write, "the writer's result")) return;
    for (size_t i = 0; i < bytes / sizeof(float); ++i) data[i] = value;
  });
}
inline cudaError_t enqueue_read(cudaStream_t stream, const Buffer& buffer) {
  return enqueue(stream, "reader", [data = buffer.data(), bytes = buffer.bytes()] {
    touch(data, bytes, Access::read, "the reader's operand");
  });
}

}  // namespace dlengine::emulator::test

// Wrong copies between host and device, each beside the correct copy that it is a slip of.
#include <cuda_runtime_api.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <string>
#include <vector>

#include "tests/emulator/bugs/bug_test.h"
#include "tests/emulator/report.h"
#include "tests/emulator/runtime/cudart.h"

namespace dlengine::emulator::test {
namespace {

class CopyBugs : public CopyTest {
 protected:
  void SetUp() override {
    CopyTest::SetUp();
    std::iota(host_.begin(), host_.end(), 1.0F);
  }
};

TEST_P(CopyBugs, RoundTrip) {
  Buffer other(kCount);
  std::vector<float> back(kCount);
  ASSERT_EQ(upload(), cudaSuccess);
  std::fill(host_.begin(), host_.end(), 0.0F);  // pageable memory was copied at once
  ASSERT_EQ(cudaMemcpyAsync(other.data(), buffer_.data(), kBytes, cudaMemcpyDeviceToDevice, stream_),
            cudaSuccess);
  ASSERT_EQ(cudaMemsetAsync(buffer_.data(), 0, kBytes, stream_), cudaSuccess);
  ASSERT_EQ(cudaMemcpyAsync(back.data(), other.data(), kBytes, cudaMemcpyDefault, stream_), cudaSuccess);
  EXPECT_EQ(back.front(), 1);  // and pageable memory is there when the call returns
  EXPECT_EQ(back.back(), float(kCount));
  stream_.wait();
  ASSERT_EQ(cudaMemcpy(back.data(), buffer_.data(), kBytes, cudaMemcpyDeviceToHost), cudaSuccess);
  EXPECT_EQ(back.back(), 0);
}

TEST_P(CopyBugs, CopyStaysInsideOfTheAllocation) {
  EXPECT_EQ(upload(kBytes), cudaSuccess);
  stream_.wait();
  expect_silence();
  std::vector<float> more(2 * kCount);
  EXPECT_EQ(cudaMemcpyAsync(buffer_.data(), more.data(), kBytes + 1, cudaMemcpyHostToDevice, stream_),
            cudaErrorInvalidValue);
  expect_report(kind::kOutOfBounds);
  EXPECT_EQ(cudaMemcpyAsync(buffer_.data() + 1, more.data(), kBytes, cudaMemcpyHostToDevice, stream_),
            cudaErrorInvalidValue);
  expect_report(kind::kOutOfBounds);
  EXPECT_EQ(cudaMemsetAsync(buffer_.data(), 0, kBytes + 4, stream_), cudaErrorInvalidValue);
  expect_report(kind::kOutOfBounds);
}

TEST_P(CopyBugs, CopyGoesTheWayItSays) {
  EXPECT_EQ(cudaMemcpyAsync(buffer_.data(), host_.data(), kBytes, cudaMemcpyDeviceToHost, stream_),
            cudaErrorInvalidValue);
  expect_report(kind::kDirection);
  EXPECT_EQ(cudaMemcpyAsync(buffer_.data(), host_.data(), kBytes, cudaMemcpyDeviceToDevice, stream_),
            cudaErrorInvalidValue);
  expect_report(kind::kDirection);
  EXPECT_EQ(cudaMemcpyAsync(buffer_.data(), host_.data(), kBytes, cudaMemcpyDefault, stream_), cudaSuccess);
  stream_.wait();
}

TEST_P(CopyBugs, FillNeedsDeviceMemory) {
  EXPECT_EQ(cudaMemsetAsync(host_.data(), 0, kBytes, stream_), cudaErrorInvalidValue);
  expect_report(kind::kNotDeviceMemory);
}

TEST_P(CopyBugs, HostDoesNotTouchDeviceMemoryItself) {
  ASSERT_EQ(upload(), cudaSuccess);
  stream_.wait();
  EXPECT_DEATH(std::memcpy(host_.data(), buffer_.data(), kBytes), std::string(kind::kHostAccess));
}

TEST_P(CopyBugs, OnlyInitialisedBytesComeToTheHost) {
  EXPECT_EQ(upload(kBytes / 2), cudaSuccess);
  stream_.wait();
  EXPECT_EQ(cudaMemcpy(host_.data(), buffer_.data(), kBytes / 2, cudaMemcpyDeviceToHost), cudaSuccess);
  expect_silence();
  EXPECT_EQ(cudaMemcpy(host_.data(), buffer_.data(), kBytes / 2 + 4, cudaMemcpyDeviceToHost), cudaSuccess);
  expect_report(kind::kUninitialised);
}

TEST_P(CopyBugs, CopiesInsideOfTheDeviceCarryAlongWhatIsNotInitialised) {
  const Buffer other(kCount);
  EXPECT_EQ(upload(kBytes / 2), cudaSuccess);
  EXPECT_EQ(cudaMemcpyAsync(other.data(), buffer_.data(), kBytes, cudaMemcpyDeviceToDevice, stream_),
            cudaSuccess);
  EXPECT_EQ(cudaMemcpyAsync(host_.data(), other.data(), kBytes / 2, cudaMemcpyDeviceToHost, stream_),
            cudaSuccess);
  expect_silence();
  EXPECT_EQ(cudaMemcpyAsync(host_.data(), other.data(), kBytes, cudaMemcpyDeviceToHost, stream_),
            cudaSuccess);
  expect_report(kind::kUninitialised);
}

TEST_P(CopyBugs, PinnedResultIsNotANumberUntilItIsWaitedFor) {
  PinnedBuffer result(kCount);
  enqueue_write(stream_, buffer_, 7);
  ASSERT_EQ(cudaMemcpyAsync(result.data(), buffer_.data(), kBytes, cudaMemcpyDeviceToHost, stream_),
            cudaSuccess);
  if (is_lazy()) {
    EXPECT_TRUE(std::isnan(result.data()[0]));
  }
  stream_.wait();
  EXPECT_EQ(result.data()[0], 7);
}

TEST_P(CopyBugs, PinnedSourceStaysUntilItIsCopied) {
  PinnedBuffer source(kCount);
  const auto program = [&](bool waits) {
    std::fill_n(source.data(), kCount, 1.0F);
    cudaMemcpyAsync(buffer_.data(), source.data(), kBytes, cudaMemcpyHostToDevice, stream_);
    if (waits) stream_.wait();
    source.data()[kCount - 1] = 2;
    stream_.wait();
  };
  program(true);
  expect_silence();
  program(false);
  if (is_lazy()) expect_report(kind::kPinnedChanged);
  if (is_eager()) expect_silence();  // the copy has run by then
  (void)control().take_reports();    // and may have in shuffled order
}

TEST_P(CopyBugs, PinnedMemoryThatTheDeviceWritesAndThenReadsIsTheDevicesBusiness) {
  PinnedBuffer pinned(kCount);
  const Buffer other(kCount);
  std::vector<float> result(kCount);
  std::fill_n(pinned.data(), kCount, 3.0F);
  cudaMemcpyAsync(other.data(), pinned.data(), kBytes, cudaMemcpyHostToDevice, stream_);  // 3
  enqueue_write(stream_, buffer_, 4);
  cudaMemcpyAsync(pinned.data(), buffer_.data(), kBytes, cudaMemcpyDeviceToHost, stream_);  // over the 3
  cudaMemcpyAsync(buffer_.data(), pinned.data(), kBytes, cudaMemcpyHostToDevice, stream_);  // the 4
  cudaMemcpyAsync(result.data(), other.data(), kBytes, cudaMemcpyDeviceToHost, stream_);
  EXPECT_EQ(result[0], 3);
  cudaMemcpyAsync(result.data(), buffer_.data(), kBytes, cudaMemcpyDeviceToHost, stream_);
  EXPECT_EQ(result[0], 4);
}

TEST_P(CopyBugs, CopyStaysInsideOfPinnedMemory) {
  PinnedBuffer pinned(kCount / 2);
  EXPECT_EQ(cudaMemcpyAsync(buffer_.data(), pinned.data(), kBytes, cudaMemcpyHostToDevice, stream_),
            cudaErrorInvalidValue);
  expect_report(kind::kOutOfBounds);
}

TEST_P(CopyBugs, PinnedMemoryOutlivesItsCopies) {
  if (!is_lazy()) GTEST_SKIP() << "the copy may have run before the memory is freed";
  void* pinned = nullptr;
  ASSERT_EQ(cudaHostAlloc(&pinned, kBytes, cudaHostAllocDefault), cudaSuccess);
  cudaMemcpyAsync(buffer_.data(), pinned, kBytes, cudaMemcpyHostToDevice, stream_);
  EXPECT_EQ(cudaFreeHost(pinned), cudaSuccess);
  expect_report(kind::kPinnedChanged);
}

DLENGINE_IN_EVERY_MODE(CopyBugs);

}  // namespace
}  // namespace dlengine::emulator::test

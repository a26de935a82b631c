// What kernels get from the functions of device.h, and how launches are refused.
#include <cuda_runtime_api.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <string>
#include <vector>

#include "tests/emulator/bugs/bug_test.h"
#include "tests/emulator/bugs/device_functions.h"
#include "tests/emulator/kernels/grid.h"
#include "tests/emulator/report.h"

namespace dlengine::emulator::test {
namespace {

// Starts from zero bytes on the device and returns what the launch made of them.
template <typename T, typename F>
std::vector<T> results_of(size_t count, F&& launch) {
  void* data = nullptr;
  EXPECT_EQ(cudaMalloc(&data, count * sizeof(T)), cudaSuccess);
  EXPECT_EQ(cudaMemset(data, 0, count * sizeof(T)), cudaSuccess);
  launch(static_cast<T*>(data));
  std::vector<T> results(count);
  EXPECT_EQ(cudaMemcpy(results.data(), data, count * sizeof(T), cudaMemcpyDeviceToHost), cudaSuccess);
  EXPECT_EQ(cudaFree(data), cudaSuccess);
  EXPECT_THAT(control().take_reports(), testing::IsEmpty());
  return results;
}

class DeviceFunctions : public testing::TestWithParam<Schedule> {
 protected:
  void SetUp() override { control().set_modes(GetParam(), Execution::lazy, 3); }
};

TEST_P(DeviceFunctions, OfWarps) {
  const auto results = results_of<WarpResults>(kFunctionThreads, launch_warp_functions);
  for (uint32_t t = 0; t < kFunctionThreads; ++t) {
    SCOPED_TRACE(t);
    const uint32_t lane = t % 32, warp = t - lane;
    const WarpResults& r = results[t];
    EXPECT_EQ(r.shuffled, t / 8 * 8 + 3);
    EXPECT_EQ(r.up, t % 16 < 3 ? t : t - 3);
    EXPECT_EQ(r.down, t % 8 < 3 ? t + 5 : t);
    EXPECT_EQ(r.flipped, t % 16 < 8 ? t : t ^ 12);  // only earlier groups of 8 can be read
    const uint32_t source = warp + lane / 2;
    EXPECT_EQ(r.wide, double(source) / 3);
    EXPECT_EQ(r.ballot, warp == 0 ? 0x49249249u : 0x92492492u);
    EXPECT_TRUE(r.any && !r.none && r.all && !r.not_all);
  }
}

TEST_P(DeviceFunctions, OfBlocks) {
  for (const BlockResults& r : results_of<BlockResults>(kFunctionThreads, launch_block_functions)) {
    EXPECT_EQ(r.count, 13);
    EXPECT_TRUE(r.some && !r.no_one && r.everyone && !r.not_everyone);
  }
}

TEST_P(DeviceFunctions, OfNumbers) {
  const NumberResults r = results_of<NumberResults>(1, launch_number_functions)[0];
  EXPECT_EQ(r.popc, std::popcount(0xf0f01u));
  EXPECT_EQ(r.umulhi, 3u);
  EXPECT_EQ(r.smallest, -3);
  EXPECT_EQ(r.largest, int64_t{1} << 40);
  EXPECT_EQ(r.loaded, 2);
  EXPECT_FLOAT_EQ(r.rsqrt, std::sqrt(0.5f));
  EXPECT_FLOAT_EQ(r.exponential, std::exp(2.0f));
  EXPECT_FLOAT_EQ(r.logarithm, std::log(2.0f));
  EXPECT_EQ(r.quotient, 0.5f);
}

TEST_P(DeviceFunctions, Atomics) {
  const AtomicResults r = results_of<AtomicResults>(1, launch_atomic_functions)[0];
  EXPECT_EQ(r.sum, kFunctionThreads * (kFunctionThreads + 1) / 2);
  EXPECT_EQ(r.float_sum, kFunctionThreads / 2);
  EXPECT_EQ(r.largest, kFunctionThreads);
  EXPECT_EQ(r.smallest, -kFunctionThreads);
  EXPECT_EQ(r.exchanged, 7);
  EXPECT_GT(r.claimed, 0);
  const int first = GetParam() == Schedule::forward   ? 1
                    : GetParam() == Schedule::reverse ? kFunctionThreads
                                                      : r.claimed;
  EXPECT_EQ(r.claimed, first);  // by the first to come
}

TEST_P(DeviceFunctions, PositionsInThreeDimensions) {
  const dim3 grid(2, 3, 4), block(3, 4, 5);
  const auto all = results_of<Position>(24 * 60, [&](Position* out) { launch_positions(out, grid, block); });
  for (unsigned i = 0; i < all.size(); ++i) {
    const unsigned thread = i % 60, number = i / 60;
    const Position& p = all[i];
    EXPECT_EQ((p.thread.z * 4 + p.thread.y) * 3 + p.thread.x, thread);
    EXPECT_EQ((p.block.z * 3 + p.block.y) * 2 + p.block.x, number);
    EXPECT_TRUE(p.thread.x < 3 && p.thread.y < 4 && p.block.x < 2 && p.block.y < 3);
    EXPECT_TRUE(p.block_size.x == 3 && p.block_size.y == 4 && p.block_size.z == 5);
    EXPECT_TRUE(p.grid_size.x == 2 && p.grid_size.y == 3 && p.grid_size.z == 4);
  }
}

INSTANTIATE_TEST_SUITE_P(, DeviceFunctions,
                         testing::Values(Schedule::forward, Schedule::reverse, Schedule::shuffled),
                         [](const auto& test) {
                           return std::string(test.param == Schedule::forward   ? "forward"
                                              : test.param == Schedule::reverse ? "reverse"
                                                                                : "shuffled");
                         });

}  // namespace
}  // namespace dlengine::emulator::test

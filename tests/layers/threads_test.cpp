// Threads that call one layer in evaluation mode at the same time get the bits that one thread gets.
#include <gtest/gtest.h>

#include <functional>
#include <latch>
#include <thread>

#include "dlengine/core/factory.h"
#include "dlengine/core/ops/interpolate.h"
#include "dlengine/core/random.h"
#include "tests/layers/every_layer.h"
#include "tests/support/devices.h"

namespace dlengine::test {
namespace {

constexpr int kThreads = 2;

/// Calls f(thread) on all of them, which begin together.
void side_by_side(const std::function<void(int)>& f) {
  std::latch start(kThreads);
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      start.arrive_and_wait();
      f(i);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

class LayersOfThreads : public testing::TestWithParam<AnyLayer> {};

TEST_P(LayersOfThreads, HaveTheBitsOfOne) {
  const auto& [name, make, x] = GetParam();
  const Shape shape = x.shape();
  for (const Device device : devices()) {
    SCOPED_TRACE(to_string(device));
    const std::unique_ptr<Module> layer = make();
    layer->infer_shapes(shape, device);
    layer->eval();
    std::vector<Tensor> inputs;
    std::vector<std::vector<float>> want;
    for (int i = 0; i < kThreads; ++i) {
      Generator random(static_cast<uint64_t>(i));
      inputs.push_back(randn(shape, 0, 1, DType::f32, kCpu, random).to(device));
      want.push_back((*layer)(inputs.back()).to_vector<float>());
    }
    std::vector<int> wrong(kThreads);
    side_by_side([&](int thread) {
      const auto i = static_cast<size_t>(thread);
      for (int round = 0; round < 20; ++round) {
        if ((*layer)(inputs[i]).to_vector<float>() != want[i]) ++wrong[i];
      }
    });
    EXPECT_EQ(wrong, std::vector<int>(kThreads));
  }
}
INSTANTIATE_TEST_SUITE_P(All, LayersOfThreads, testing::ValuesIn(every_layer()),
                         [](const auto& row) { return row.param.name; });

TEST(UpsampleOfThreads, MakesItsTablesForNewSizes) {
  constexpr int kSizes = 24;
  const InterpolateParams params{.scale_factor = 1.5, .mode = InterpolateMode::bilinear};
  for (const Device device : devices()) {
    SCOPED_TRACE(to_string(device));
    Upsample layer(params);
    std::vector<Tensor> images;
    std::vector<std::vector<float>> want;
    for (int64_t size = 1; size <= kSizes; ++size) {
      images.push_back(rand({1, 1, size, size + 1}, 0, 1, DType::f32, device));
      want.push_back(interpolate(images.back(), params).to_vector<float>());
    }
    std::vector<std::vector<std::vector<float>>> found(kThreads);
    side_by_side([&](int thread) {
      for (const Tensor& x : images)
        found[static_cast<size_t>(thread)].push_back(layer(x).to_vector<float>());
    });
    for (const auto& each : found) EXPECT_EQ(each, want);
  }
}

TEST(Upsample, ComputesBeforeAndAfterItIsMoved) {
  const Tensor x = rand({1, 1, 2, 3});
  Upsample layer({.scale_factor = 2});
  const std::vector<float> want = layer(x).to_vector<float>();
  Upsample moved = std::move(layer);
  EXPECT_EQ(moved(x).to_vector<float>(), want);
  layer = std::move(moved);
  EXPECT_EQ(layer(x).to_vector<float>(), want);
}

}  // namespace
}  // namespace dlengine::test

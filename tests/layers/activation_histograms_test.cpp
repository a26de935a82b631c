// What the values between layers look like.
#include "dlengine/layers/activation_histograms.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "dlengine/core/factory.h"
#include "dlengine/layers/layers.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"

namespace dlengine::test {
namespace {

using Counts = std::vector<int64_t>;

TEST(Histogram, CountsEqualPartsOfItsRange) {
  const Tensor x = tensor({0, 0.5, 1, 1, 2, 3.9, 4, 5, -1, NAN, INFINITY});
  EXPECT_EQ(histogram(x, {.bins = 4, .low = 0, .high = 4}).counts, (Counts{2, 2, 1, 2}));
  const Histogram own = histogram(x, {.bins = 3});
  EXPECT_EQ(own.low, -1);
  EXPECT_EQ(own.high, 5);
  EXPECT_EQ(own.counts, (Counts{3, 3, 3}));
  EXPECT_EQ(own.middle(1), 2);
}

TEST(Histogram, TakesEqualValuesAndNone) {
  EXPECT_EQ(histogram(full({5}, 2), {.bins = 2}).counts, (Counts{5, 0}));
  EXPECT_EQ(histogram(zeros({0}), {.bins = 2}).counts, (Counts{0, 0}));
  expect_throw<ValueError>([] { histogram(zeros({1}), {.bins = 0}); }, {"histogram: need 1 bin", "0"});
  expect_throw<ValueError>([] { histogram(zeros({1}), {.low = 1, .high = 0}); }, {"from 1 to 0"});
}

// A ReLU that the layer before computes, and one that the pooling behind it computes.
TEST(ActivationHistograms, SeeEveryLayerByItself) {
  for (const Device device : devices()) {
    Sequential net(Conv2d({.out_channels = 1, .kernel = 1, .bias = false, .init = Init::constant(1)}), ReLU(),
                   MaxPool2d({.kernel = 2}), Flatten(),
                   Linear({.out_features = 2, .bias = false, .init = Init::constant(-1)}), ReLU());
    const Tensor x = tensor({-3, -1, 2, 4, -2, 1, 0, -1}).to(device).reshape({1, 1, 2, 4});
    const std::vector<ActivationRow> rows = activation_histograms(net, x, {.bins = 7, .low = -3, .high = 4});
    ASSERT_EQ(rows.size(), 6u);
    EXPECT_EQ(rows[1].path, "1");
    EXPECT_EQ(rows[1].type, "ReLU");
    EXPECT_DOUBLE_EQ(rows[0].mean, 0);
    EXPECT_NEAR(rows[0].deviation, std::sqrt(36.0 / 8), 1e-12);
    EXPECT_EQ(rows[0].histogram.counts, (Counts{1, 1, 2, 1, 1, 1, 1}));
    EXPECT_DOUBLE_EQ(rows[1].zeros, 5.0 / 8);
    EXPECT_DOUBLE_EQ(rows[2].mean, 2.5);  // of 1 and 4
    EXPECT_DOUBLE_EQ(rows[4].mean, -5);
    EXPECT_DOUBLE_EQ(rows[5].zeros, 1);
    EXPECT_EQ(net(x).to_vector<float>(), (std::vector<float>{0, 0}));
  }
}

TEST(ActivationHistograms, HaveNoRowForModulesThatHoldOthers) {
  Sequential net(Sequential(Linear({.out_features = 3}), Tanh()), Sigmoid());
  const std::vector<ActivationRow> rows = activation_histograms(net, randn({4, 2}));
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[0].path, "0.0");
  EXPECT_EQ(rows[2].path, "1");
  for (const ActivationRow& row : rows) {
    EXPECT_EQ(std::accumulate(row.histogram.counts.begin(), row.histogram.counts.end(), int64_t{0}), 12);
  }
}

}  // namespace
}  // namespace dlengine::test

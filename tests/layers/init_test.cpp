// Fans and the statistics of initial values.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "dlengine/layers/layers.h"
#include "tests/support/compare.h"

namespace dlengine::test {
namespace {

struct Moments {
  double mean, deviation, largest;
};

Moments moments(const Tensor& tensor) {
  const auto values = tensor.to_vector<double>();
  const double n = static_cast<double>(values.size());
  double sum = 0, squares = 0, largest = 0;
  for (const double value : values) {
    sum += value;
    squares += value * value;
    largest = std::max(largest, std::abs(value));
  }
  return {sum / n, std::sqrt(squares / n), largest};
}

// A sample of n values: the mean has the deviation s / sqrt(n), the deviation itself less than s / sqrt(n).
void expect_moments(const Tensor& tensor, double deviation, bool uniform) {
  const auto [mean, got, largest] = moments(tensor);
  const double margin = 5 * deviation / std::sqrt(static_cast<double>(tensor.numel()));
  EXPECT_NEAR(mean, 0, margin);
  EXPECT_NEAR(got, deviation, margin);
  const double bound = std::sqrt(3.0) * deviation;
  if (uniform) {
    EXPECT_LE(largest, bound * (1 + 1e-6));  // rounded to f32
    EXPECT_GT(largest, 0.99 * bound);
  } else {
    EXPECT_GT(largest, 3 * deviation);
  }
}

const Shape kFilters = {64, 32, 3, 5};  // fan in 480, fan out 960

TEST(Init, CountsFans) {
  EXPECT_EQ(fans({10, 784}).in, 784);
  EXPECT_EQ(fans({10, 784}).out, 10);
  EXPECT_EQ(fans(kFilters).in, 480);
  EXPECT_EQ(fans(kFilters).out, 960);
  expect_throw<ShapeError>([] { fans({10}); }, {"init: need a weight [out, in, ...]", "[10]"});
  expect_throw<ShapeError>([] { fans({10, 0}); }, {"[10, 0]"});
}

TEST(Init, KaimingKeepsItsDeviation) {
  Generator rng(1);
  expect_moments(kaiming_uniform(kFilters, {}, rng), std::sqrt(2.0 / 480), true);
  expect_moments(kaiming_normal(kFilters, {}, rng), std::sqrt(2.0 / 480), false);
  expect_moments(kaiming_normal(kFilters, {.gain = 1, .mode = FanMode::out}, rng), std::sqrt(1.0 / 960),
                 false);
  expect_moments(kaiming_uniform(kFilters, {.gain = leaky_relu_gain(0.5)}, rng), std::sqrt(1.6 / 480), true);
}

TEST(Init, XavierKeepsItsDeviation) {
  Generator rng(2);
  expect_moments(xavier_uniform(kFilters, 1, rng), std::sqrt(2.0 / 1440), true);
  expect_moments(xavier_normal(kFilters, 2, rng), 2 * std::sqrt(2.0 / 1440), false);
}

TEST(Init, LayersFollowTheirOption) {
  manual_seed(3);
  const auto parameters = [](Init init) {
    return Linear({.in_features = 300, .out_features = 200, .init = init}).parameters();
  };
  const std::vector<Tensor> torch = parameters(Init::torch), keras = parameters(Init::keras),
                            he = parameters(Init::he);
  expect_moments(torch[0], 1 / std::sqrt(3 * 300.0), true);
  EXPECT_LE(moments(torch[1]).largest, 1 / std::sqrt(300.0) * (1 + 1e-6));
  EXPECT_GT(moments(torch[1]).largest, 0.9 / std::sqrt(300.0));
  expect_moments(keras[0], std::sqrt(2.0 / 500), true);
  EXPECT_EQ(moments(keras[1]).largest, 0);
  expect_moments(he[0], std::sqrt(2.0 / 300), false);
  EXPECT_EQ(moments(he[1]).largest, 0);
}

TEST(Init, GroupedFiltersCountTheirOwnInputs) {
  manual_seed(4);
  Conv2d layer({.in_channels = 64, .out_channels = 64, .kernel = 5, .groups = 16});
  expect_moments(layer.parameters()[0], 1 / std::sqrt(3 * 100.0), true);
}

}  // namespace
}  // namespace dlengine::test

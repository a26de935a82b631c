// Fans and the statistics of initial values.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "dlengine/core/ops/matmul.h"
#include "dlengine/layers/layers.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"

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

TEST(Init, LayersTakeAnyRule) {
  manual_seed(5);
  const auto weight = [](const Init& init) {
    Linear layer({.in_features = 300, .out_features = 200, .init = init});
    EXPECT_EQ(moments(layer.parameters()[1]).largest, 0);
    return layer.parameters()[0];
  };
  EXPECT_EQ(moments(weight(Init::zeros)).largest, 0);
  EXPECT_EQ(moments(weight(Init::constant(0.5))).mean, 0.5);
  expect_moments(weight(Init::normal(0.01)), 0.01, false);
  expect_moments(weight(Init::uniform(0.3)), 0.3 / std::sqrt(3.0), true);
  expect_moments(weight(Init::xavier_uniform(2)), 2 * std::sqrt(2.0 / 500), true);
  expect_moments(weight(Init::xavier_normal()), std::sqrt(2.0 / 500), false);
  expect_moments(weight(Init::kaiming_normal(1)), std::sqrt(1.0 / 300), false);
  expect_moments(weight(Init::kaiming_uniform(1)), std::sqrt(1.0 / 300), true);
  EXPECT_NEAR(moments(weight(Init::orthogonal(3))).deviation, 3 / std::sqrt(300.0), 1e-6);
  const Moments cut = moments(weight(Init::truncated_normal(0.1)));
  EXPECT_LE(cut.largest, 0.2 * (1 + 1e-6));
  EXPECT_NEAR(cut.deviation, 0.1 * 0.87962566, 5 * 0.1 / std::sqrt(60000.0));  // of a normal cut at 2
}

TEST(Init, TruncatedNormalStaysWithinItsBounds) {
  Generator rng(6);
  const Tensor x = truncated_normal({200, 100}, {.mean = 1, .deviation = 2, .low = 0, .high = 2}, rng);
  for (const float value : x.to_vector<float>()) EXPECT_TRUE(value >= 0 && value <= 2);
  EXPECT_NEAR(moments(x).mean, 1, 0.02);
  expect_throw<ValueError>([&] { truncated_normal({2}, {.low = 3, .high = 4}, rng); },
                           {"truncated_normal: [3, 4] must hold a tenth"});
  expect_throw<ValueError>([&] { truncated_normal({2}, {.deviation = 0}, rng); }, {"deviation > 0, got 0"});
}

// Q is what QR with a positive diagonal gives: orthonormal, and with Q^T A upper triangular.
void expect_qr(const Tensor& q, const Tensor& a) {
  const Tensor unit = matmul(q.transpose(0, 1), q), r = matmul(q.transpose(0, 1), a);
  const int64_t n = q.dim(1);
  const auto units = unit.to_vector<double>(), rs = r.to_vector<double>();
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = 0; j < n; ++j) {
      const auto at = static_cast<size_t>(i * n + j);
      EXPECT_NEAR(units[at], i == j, 1e-5);
      if (i > j) {
        EXPECT_NEAR(rs[at], 0, 1e-5);
      } else if (i == j) {
        EXPECT_GT(rs[at], 0);
      }
    }
  }
}

TEST(Init, OrthogonalIsTheQOfANormalMatrix) {
  for (const auto& [rows, columns] : {std::pair<int64_t, int64_t>{7, 4}, {5, 5}, {3, 8}, {1, 6}, {4, 1}}) {
    Generator first(9), second(9);
    const Tensor q = orthogonal({rows, columns}, 1, first);
    const Tensor a = randn({rows, columns}, 0, 1, DType::f64, kCpu, second).to(DType::f32);
    const bool tall = rows >= columns;
    expect_qr(tall ? q : q.transpose(0, 1), tall ? a : a.transpose(0, 1));
  }
  Generator rng(9);
  const Tensor filters = orthogonal({4, 2, 3, 3}, 2, rng).reshape({4, 18});
  const Tensor products = matmul(filters, filters.transpose(0, 1));
  for (int i = 0; i < 16; ++i) {
    EXPECT_NEAR(products.to_vector<double>()[static_cast<size_t>(i)], i % 5 == 0 ? 4 : 0, 1e-5);
  }
  expect_throw<ShapeError>([] { orthogonal({4}); }, {"orthogonal: need a weight [out, in, ...]", "[4]"});
}

TEST(Init, InitialiseSetsEveryWeightAndNoBias) {
  for (const Device device : devices()) {
    Sequential net(Conv2d({.in_channels = 1, .out_channels = 2, .kernel = 3}),
                   BatchNorm2d({.num_features = 2}), Flatten(),
                   Linear({.in_features = 8, .out_features = 3}));
    net.to(device);
    const auto bias = net.parameters()[1].to_vector<float>();
    initialise(net, Init::constant(0.5));
    const std::vector<Tensor> parameters = net.parameters();
    for (const size_t weight : {0u, 4u}) EXPECT_EQ(moments(parameters[weight]).mean, 0.5);
    EXPECT_EQ(parameters[1].to_vector<float>(), bias);
    EXPECT_EQ(moments(parameters[2]).mean, 1);  // batch norm's scale
    std::vector<Shape> asked;
    initialise(net, [&](const Shape& shape) {
      asked.push_back(shape);
      return ones(shape);
    });
    EXPECT_EQ(asked, (std::vector<Shape>{{2, 1, 3, 3}, {3, 8}}));
    EXPECT_EQ(moments(parameters[4]).mean, 1);
    expect_throw<ShapeError>([&] { initialise(net, [](const Shape&) { return ones({2}); }); },
                             {"initialise: 0.weight is [2, 1, 3, 3]", "[2]"});
  }
  Sequential unknown{Linear({.out_features = 3})};
  expect_throw<ValueError>([&] { initialise(unknown, Init::he); }, {"infer_shapes"});
}

TEST(Init, GroupedFiltersCountTheirOwnInputs) {
  manual_seed(4);
  Conv2d layer({.in_channels = 64, .out_channels = 64, .kernel = 5, .groups = 16});
  expect_moments(layer.parameters()[0], 1 / std::sqrt(3 * 100.0), true);
}

}  // namespace
}  // namespace dlengine::test

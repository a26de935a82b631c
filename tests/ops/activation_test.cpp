// Operations that end in an activation, and perhaps dropout, give the bits of one operation after the other.
#include <gtest/gtest.h>

#include <functional>

#include "dlengine/core/autograd.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/numerics.h"
#include "dlengine/core/ops.h"
#include "dlengine/core/random.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"

namespace dlengine::test {
namespace {

struct FusedRow {
  const char* name;
  std::vector<Shape> inputs;
  std::function<Tensor(const std::vector<Tensor>&, const Ending&)> op;
  bool takes_dropout = false;
  friend std::ostream& operator<<(std::ostream& out, const FusedRow& row) { return out << row.name; }
};

Tensor convolution(const std::vector<Tensor>& in, Conv2dParams params) {
  return conv2d(in[0], in[1], in[2], params);
}

const FusedRow kRows[] = {
    {"linear",
     {{5, 7}, {6, 7}, {6}},
     [](const auto& in, const Ending& e) { return linear(in[0], in[1], in[2], e); },
     true},
    {"linear_large",
     {{37, 130}, {65, 130}, {65}},
     [](const auto& in, const Ending& e) { return linear(in[0], in[1], in[2], e); },
     true},
    {"linear_of_one_row",
     {{1, 130}, {67, 130}, {67}},
     [](const auto& in, const Ending& e) { return linear(in[0], in[1], in[2], e); },
     true},
    {"linear_without_bias",
     {{3, 4, 9}, {5, 9}},
     [](const auto& in, const Ending& e) { return linear(in[0], in[1], {}, e); },
     true},
    {"conv_3x3_of_many_channels",
     {{2, 16, 9, 10}, {32, 16, 3, 3}, {32}},
     [](const auto& in, const Ending& e) {
       return convolution(in, {.padding = 1, .activation = e.activation});
     }},
    {"conv_of_few_channels",
     {{2, 3, 9, 8}, {5, 3, 5, 5}, {5}},
     [](const auto& in, const Ending& e) {
       return convolution(in, {.padding = 2, .activation = e.activation});
     }},
    {"conv_of_one_channel",
     {{2, 1, 9, 8}, {6, 1, 3, 3}, {6}},
     [](const auto& in, const Ending& e) { return convolution(in, {.activation = e.activation}); }},
    {"conv_with_stride",
     {{2, 16, 9, 8}, {24, 16, 5, 5}, {24}},
     [](const auto& in, const Ending& e) {
       return convolution(in, {.stride = 2, .activation = e.activation});
     }},
    {"conv_in_groups",
     {{2, 6, 7, 7}, {9, 2, 3, 3}, {9}},
     [](const auto& in, const Ending& e) {
       return convolution(in, {.groups = 3, .activation = e.activation});
     }},
    {"max_pool",
     {{2, 3, 8, 9}},
     [](const auto& in, const Ending& e) { return max_pool2d(in[0], {.kernel = 2, .ending = e}); },
     true},
    {"max_pool_with_an_odd_number_of_results",
     {{3, 3, 6, 7}},
     [](const auto& in, const Ending& e) { return max_pool2d(in[0], {.kernel = 2, .ending = e}); },
     true},
    {"max_pool_of_windows_that_overlap",
     {{2, 3, 8, 9}},
     [](const auto& in, const Ending& e) {
       return max_pool2d(in[0], {.kernel = 3, .stride = 2, .padding = 1, .ending = e});
     },
     true},
    {"avg_pool",
     {{2, 3, 8, 9}},
     [](const auto& in, const Ending& e) { return avg_pool2d(in[0], {.kernel = 2, .ending = e}); },
     true},
};

/// The result and the gradients of all inputs.
std::vector<std::vector<double>> outcome(const FusedRow& row, DType dtype, Device device,
                                         const Ending& ending, bool fused) {
  Generator random(17);
  manual_seed(18);
  std::vector<Tensor> inputs;
  for (const Shape& shape : row.inputs) {
    inputs.push_back(randn(shape, 0, 1, DType::f64, kCpu, random).to(dtype).to(device).set_requires_grad());
  }
  Tensor y = row.op(inputs, fused ? ending : Ending());
  if (!fused) y = dropout(relu(y), ending.dropout);
  y.backward(randn(y.shape(), 0, 1, DType::f64, kCpu, random).to(dtype).to(device));
  std::vector<std::vector<double>> values = {y.to_vector<double>()};
  for (const Tensor& input : inputs) values.push_back(input.grad().to_vector<double>());
  values.push_back({double(default_generator().state().next_stream)});
  return values;
}

class FusedActivation : public ::testing::TestWithParam<FusedRow> {
 protected:
  void expect_bits_of_single_operations(const Ending& ending) {
    for (const Device device : devices()) {
      for (const DType dtype : floating_types()) {
        SCOPED_TRACE(std::string(name(dtype)) + " on " + to_string(device));
        const auto fused = outcome(GetParam(), dtype, device, ending, true);
        EXPECT_EQ(fused, outcome(GetParam(), dtype, device, ending, false));
        EXPECT_NE(fused[0], std::vector<double>(fused[0].size(), 0.0));
      }
    }
  }
};

TEST_P(FusedActivation, GivesTheBitsOfTwoOperations) { expect_bits_of_single_operations(Activation::relu); }

TEST_P(FusedActivation, WithDropoutGivesTheBitsOfThree) {
  if (!GetParam().takes_dropout) return;
  for (const double share : {0.25, 0.75}) expect_bits_of_single_operations({Activation::relu, share});
}

TEST(FusedActivation, RefusesSharesBeyondOneAndDropoutWithoutRelu) {
  for (const Device device : devices()) {
    const Tensor x = ones({1, 1, 4, 4}, DType::f32, device);
    const auto pool = [&](const Ending& ending) { return max_pool2d(x, {.ending = ending}); };
    expect_throw<ValueError>([&] { pool({Activation::relu, 1}); }, {"max_pool2d", "got 1"});
    expect_throw<ValueError>([&] { pool({Activation::relu, -0.5}); }, {"max_pool2d", "got -0.5"});
    expect_throw<ValueError>([&] { pool({Activation::none, 0.5}); }, {"max_pool2d", "without relu"});
  }
}

INSTANTIATE_TEST_SUITE_P(Ops, FusedActivation, ::testing::ValuesIn(kRows),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(Winograd, CanBeSwitchedOff) {
  const FusedRow& row = kRows[4];
  const auto with = outcome(row, DType::f32, kCpu, Activation::relu, true);
  set_winograd_enabled(false);
  const auto without = outcome(row, DType::f32, kCpu, Activation::relu, true);
  set_winograd_enabled(true);
  EXPECT_NE(with, without);  // other roundings
  for (size_t i = 0; i < with.size(); ++i) {
    for (size_t j = 0; j < with[i].size(); ++j) EXPECT_NEAR(with[i][j], without[i][j], 1e-3);
  }
}

}  // namespace
}  // namespace dlengine::test

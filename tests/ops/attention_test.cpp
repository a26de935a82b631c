// Scaled dot-product attention and its masks.
#include "dlengine/core/ops/attention.h"

#include <cmath>
#include <limits>

#include "dlengine/core/autograd.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/ops/elementwise.h"
#include "dlengine/core/ops/index.h"
#include "dlengine/core/ops/reduce.h"
#include "tests/support/devices.h"
#include "tests/support/op_case.h"
#include "tests/support/reference.h"
#include "tests/support/reference_sequences.h"

namespace dlengine::test {
namespace {

constexpr double kNever = -std::numeric_limits<double>::infinity();

struct AttentionRow {
  const char* name;
  int64_t batch, queries, keys, features;
  std::vector<double> mask = {};  // [queries, keys], added to the scores; empty: none
  bool as_bool = false;           // given as bool, true where it is not kNever
  bool causal = false;
};

const AttentionRow kRows[] = {
    {"plain", 2, 3, 4, 5},
    {"one", 1, 1, 1, 1},
    {"causal", 2, 4, 4, 3, {}, false, true},
    {"causal_few_queries", 1, 2, 5, 3, {}, false, true},
    {"causal_few_keys", 1, 4, 2, 3, {}, false, true},
    {"masked", 2, 2, 3, 4, {0, kNever, 0, 0, 0, kNever}, true},
    {"a_row_sees_nothing", 2, 3, 2, 4, {0, kNever, kNever, kNever, 0, 0}, true},
    {"numbers", 2, 2, 3, 4, {0.5, -1, 0, 0.25, 0, kNever}},
    {"numbers_see_nothing", 1, 2, 2, 3, {kNever, kNever, 1, -0.5}},
    {"masked_and_causal", 1, 3, 3, 2, {kNever, 0, 0, 0, 0, 0, kNever, 0, 0}, true, true},
    {"long", 1, 33, 37, 16},
};

// What is added to the scores in all.
NdArray bias_of(const AttentionRow& row) {
  NdArray bias({row.queries, row.keys});
  for (int64_t i = 0; i < row.queries; ++i) {
    for (int64_t j = 0; j < row.keys; ++j) {
      if (!row.mask.empty()) bias.at({i, j}) = row.mask[static_cast<size_t>(i * row.keys + j)];
      if (row.causal && j > i) bias.at({i, j}) = kNever;
    }
  }
  return bias;
}

Tensor mask_of(const AttentionRow& row, const Tensor& like) {
  if (row.mask.empty()) return {};
  NdArray mask({row.queries, row.keys}, row.mask);
  if (!row.as_bool) return to_tensor(mask, like.dtype(), like.device());
  for (double& value : mask.values) value = value == 0;
  return to_tensor(mask, DType::boolean, like.device());
}

TEST(Attention, MatchesDoubleUnderEveryMask) {
  for (const AttentionRow& row : kRows) {
    const Shape q = {row.batch, row.queries, row.features}, k = {row.batch, row.keys, row.features};
    const auto terms = static_cast<double>(row.features + row.keys);
    check_case({.name = row.name,
                .inputs = {{.shape = q}, {.shape = k}, {.shape = {row.batch, row.keys, 3}}},
                .op =
                    [&](const std::vector<Tensor>& in) {
                      return scaled_dot_product_attention(
                          in[0], in[1], in[2], {.mask = mask_of(row, in[0]), .causal = row.causal});
                    },
                .reference =
                    [&](const std::vector<NdArray>& in) {
                      return reference::matmul(reference::attention_weights(in[0], in[1], bias_of(row)),
                                               in[2]);
                    },
                .value = {.terms = terms, .roundings = 4},
                .gradient = {.terms = 3 * terms + static_cast<double>(row.queries), .roundings = 8}});
    if (HasFailure()) return;
  }
}

TEST(Attention, MasksThatAreLearnedHaveGradients) {
  check_case(
      {.name = "learned mask",
       .inputs = {{.shape = {2, 3, 4}}, {.shape = {3, 3}, .repeatable = false}},
       .op = [](const std::vector<Tensor>& in) { return attention_weights(in[0], in[0], {.mask = in[1]}); },
       .reference =
           [](const std::vector<NdArray>& in) { return reference::attention_weights(in[0], in[0], in[1]); },
       .value = {.terms = 8, .roundings = 4},
       .gradient = {.terms = 24, .roundings = 8}});
}

TEST(Attention, AQueryThatSeesNothingGivesAndTakesNothing) {
  for (const Device device : devices()) {
    for (const DType dtype : floating_types()) {
      Tensor q = ones({1, 2, 2}, dtype, device).set_requires_grad();
      Tensor v = full({1, 2, 2}, 3, dtype, device).set_requires_grad();
      const Tensor mask = from_vector<float>({0, 0, 1, 1}, {2, 2}).to(DType::boolean).to(device);
      const Tensor y = scaled_dot_product_attention(q, q, v, {.mask = mask});
      expect_same(y, {0, 0, 3, 3});
      sum(y).backward();
      expect_same(q.grad(), {0, 0, 0, 0});
      expect_same(v.grad(), {0.5, 0.5, 0.5, 0.5});
    }
  }
}

TEST(Attention, LargeScoresAndHeadsAreSafe) {
  for (const Device device : devices()) {
    Tensor q = full({2, 3, 1, 1}, 100, DType::f32, device);
    const Tensor k = from_vector<float>({100, -100}, {2, 1}, device);
    const Tensor weights = attention_weights(q, k);  // k is the same for all
    EXPECT_EQ(weights.shape(), (Shape{2, 3, 1, 2}));
    expect_same(weights.select(0, 1).select(0, 2), {1, 0});
  }
}

TEST(Attention, DropoutIsOfTheWeights) {
  manual_seed(3);
  const Tensor q = zeros({1, 50, 4});
  const std::vector<float> weights = attention_weights(q, q, {.dropout = 0.5}).to_vector<float>();
  for (const float weight : weights) EXPECT_TRUE(weight == 0 || weight == 0.04f) << weight;
  EXPECT_NEAR(static_cast<double>(std::count(weights.begin(), weights.end(), 0.0f)), 1250, 125);
}

TEST(Attention, NamesWhatDoesNotFit) {
  for (const Device device : devices()) {
    const auto make = [&](const Shape& shape, DType dtype = DType::f32) {
      return zeros(shape, dtype, device);
    };
    const Tensor q = make({2, 3, 4}), k = make({2, 5, 4});
    expect_throw<ShapeError>(
        [&] {
          attention_weights(q, make({2, 5, 3}));
        },
        {"attention: need queries [.., L, E] and keys [.., S, E]", "[2, 3, 4]", "[2, 5, 3]"});
    expect_throw<ShapeError>(
        [&] {
          scaled_dot_product_attention(q, k, make({2, 4, 4}));
        },
        {"attention: need as many values [.., S, F] as keys", "[2, 4, 4]", "[2, 5, 4]"});
    expect_throw<ShapeError>(
        [&] {
          attention_weights(q, k, {.mask = make({3, 4})});
        },
        {"[3, 4]", "[2, 3, 5]"});
    expect_throw<ShapeError>(
        [&] {
          attention_weights(q, k, {.mask = make({7, 2, 3, 5})});
        },
        {"attention: the mask [7, 2, 3, 5] does not broadcast to the scores [2, 3, 5]"});
    expect_throw<DTypeError>(
        [&] {
          attention_weights(q, k, {.mask = make({3, 5}, DType::i64)});
        },
        {"attention: need a mask of bool (true: may look) or of f32, got i64"});
    expect_throw<ValueError>([&] { attention_weights(q, k, {.dropout = -0.5}); },
                             {"attention: need a share of dropout in [0, 1], got -0.5"});
    expect_throw<DTypeError>([&] { attention_weights(q, k.to(DType::f64)); }, {"attention", "f32", "f64"});
  }
}

TEST(SinusoidalPositions, AreVaswanis) {
  const Tensor positions = sinusoidal_positions(50, 6);
  const std::vector<float> values = positions.to_vector<float>();
  const auto at = [&](int64_t t, int64_t i) { return values[static_cast<size_t>(6 * t + i)]; };
  EXPECT_EQ(at(0, 0), 0);
  EXPECT_EQ(at(0, 1), 1);
  EXPECT_FLOAT_EQ(at(7, 0), static_cast<float>(std::sin(7.0)));
  EXPECT_FLOAT_EQ(at(7, 3), static_cast<float>(std::cos(7 / std::pow(10000.0, 2.0 / 6))));
  EXPECT_FLOAT_EQ(at(49, 4), static_cast<float>(std::sin(49 / std::pow(10000.0, 4.0 / 6))));
  EXPECT_EQ(sinusoidal_positions(1, 1).shape(), (Shape{1, 1}));
  expect_throw<ValueError>([] { sinusoidal_positions(0, 4); },
                           {"sinusoidal_positions: need a length and features of 1 or more, got 0 and 4"});
}

}  // namespace
}  // namespace dlengine::test

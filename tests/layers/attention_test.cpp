// Attention layers: PyTorch's stored numbers, options and messages.
#include "dlengine/layers/attention.h"

#include <gtest/gtest.h>

#include "dlengine/core/autograd.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/ops.h"
#include "dlengine/layers/layers.h"
#include "tests/golden/golden.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"

namespace dlengine::test {
namespace {

const Golden& golden() {
  static const Golden file("sequences.safetensors");
  return file;
}

struct Place {
  DType dtype;
  Device device;
};

Tensor stored(const std::string& name, const Place& place, DType rounding) {
  return golden().at(name).to(rounding).to(place.dtype).to(place.device).detach();
}

// Output, weights and gradients of a case of make_sequences.py: self-attention has x, others q, k, v and a
// mask.
std::vector<std::pair<std::string, NdArray>> run(const std::string& name, const Place& place,
                                                 DType rounding) {
  const bool self = !golden().under(name + ".x").empty();
  MultiheadAttention layer({.embed_dim = 4, .num_heads = 2, .bias = self, .causal = self});
  layer.to(place.dtype);
  layer.to(place.device);
  NamedTensors state;
  for (const auto& [key, value] : golden().under(name + ".state."))
    state.emplace_back(key, value.to(rounding));
  layer.load_state(state);
  std::vector<Tensor> leaves;
  const std::vector<std::string> names =
      self ? std::vector<std::string>{"x"} : std::vector<std::string>{"q", "k", "v"};
  for (const std::string& key : names) {
    leaves.push_back(stored(name + "." + key, place, rounding).set_requires_grad());
  }
  MultiheadAttention::Inputs inputs{leaves[0], leaves[0], leaves[0]};
  if (!self) inputs = {leaves[0], leaves[1], leaves[2], stored(name + ".mask", place, rounding)};
  const MultiheadAttention::Output output = layer.attend(inputs);
  output.output.backward(stored(name + ".dy", place, rounding));
  std::vector<std::pair<std::string, NdArray>> results = {{"y", to_ndarray(output.output)},
                                                          {"weights", to_ndarray(output.weights)}};
  for (size_t i = 0; i < names.size(); ++i) {
    results.emplace_back("d" + names[i], to_ndarray(leaves[i].grad()));
  }
  for (const auto& [key, tensor] : layer.named_parameters()) {
    results.emplace_back("grad." + key, to_ndarray(tensor.grad()));
  }
  return results;
}

TEST(MultiheadAttention, AgreesWithPyTorch) {
  for (const std::string name : {"attention_self", "attention"}) {
    for (const Device device : devices()) {
      for (const DType dtype : {DType::f64, DType::f32}) {
        const auto got = run(name, {dtype, device}, DType::f64);
        for (const auto& [key, value] : got) {
          SCOPED_TRACE(name + "." + key);
          expect_close(value, to_ndarray(golden().at(name + "." + key)),
                       tolerance(dtype, {.terms = 40, .roundings = 20, .magnitude = 2}));
        }
        EXPECT_EQ(got.size(), 7u);
      }
    }
  }
}

TEST(MultiheadAttention, AgreesWithF64InEveryFloatingType) {
  for (const std::string name : {"attention_self", "attention"}) {
    for (const Device device : devices()) {
      for (const DType dtype : {DType::f16, DType::bf16, DType::f32}) {
        const auto want = run(name, {DType::f64, kCpu}, dtype), got = run(name, {dtype, device}, dtype);
        for (size_t i = 0; i < got.size(); ++i) {
          SCOPED_TRACE(name + "." + got[i].first);
          expect_close(got[i].second, want[i].second,
                       tolerance(dtype, {.terms = 40, .roundings = 20, .magnitude = 2}));
        }
      }
    }
  }
}

TEST(MultiheadAttention, GradientsMatchCentralDifferences) {
  for (const Device device : devices()) {
    MultiheadAttention layer({.num_heads = 2, .causal = true});
    layer.to(device);
    const Tensor x = randn({2, 3, 4}, 0, 1, DType::f64, device).set_requires_grad();
    EXPECT_TRUE(gradcheck(layer, x).passed);
    Sequential net{PositionalEncoding({.max_length = 5}), MultiheadAttention({.bias = false})};
    net.to(device);
    EXPECT_TRUE(gradcheck(net, x).passed);
  }
}

TEST(MultiheadAttention, LooksAtWhatTheMaskAllows) {
  for (const Device device : devices()) {
    MultiheadAttention layer({.embed_dim = 4, .num_heads = 2, .dropout = 0.9});
    layer.to(device);
    layer.eval();
    const Tensor x = randn({3, 5, 4}).to(device);
    // The samples have 5, 2 and 0 elements; what is behind them is padding.
    const Tensor lengths = from_vector<int64_t>({5, 2, 0}, {3, 1, 1, 1}, device);
    const Tensor mask = less(arange(0, 5, 1, DType::i64, device), lengths);
    const MultiheadAttention::Output output = layer.attend({x, x, x, mask});
    EXPECT_EQ(output.weights.shape(), (Shape{3, 2, 5, 5}));
    EXPECT_EQ(max(output.weights.slice(0, 1, 2).slice(3, 2)).item<float>(), 0);
    EXPECT_EQ(max(output.weights.slice(0, 2)).item<float>(), 0);
    const NdArray sums = to_ndarray(sum(output.weights.slice(0, 0, 2), {.axes = {3}}));
    for (const double total : sums.values) EXPECT_NEAR(total, 1, 1e-6);
    const Tensor parts =
        layer.attend({x.slice(0, 1, 2), x.slice(0, 1, 2).slice(1, 0, 2), x.slice(0, 1, 2).slice(1, 0, 2)})
            .output;
    expect_close(output.output.slice(0, 1, 2), to_ndarray(parts), tolerance(DType::f32, {.terms = 8}));
  }
}

TEST(MultiheadAttention, StartsAsPyTorchs) {
  manual_seed(3);
  MultiheadAttention layer({.embed_dim = 12, .num_heads = 3});
  const NamedTensors state = layer.state();
  ASSERT_EQ(state.size(), 4u);
  EXPECT_EQ(state[2].first, "out_proj.weight");
  EXPECT_LE(max(abs(state[0].second)).item<float>(), std::sqrt(6.0f / 48));
  EXPECT_GT(max(abs(state[0].second)).item<float>(), 0.9f * std::sqrt(6.0f / 48));
  EXPECT_LE(max(abs(state[2].second)).item<float>(), 1 / std::sqrt(12.0f));
  EXPECT_EQ(max(abs(state[1].second)).item<float>(), 0);
  EXPECT_EQ(max(abs(state[3].second)).item<float>(), 0);
  const std::vector<SummaryRow> rows = summary_rows(layer, {2, 5, 12});
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].parameters, 4 * 12 * 12 + 4 * 12);
  EXPECT_EQ(rows[0].flops, 2 * 2 * 5 * 12 * (4 * 12 + 2 * 5));
}

TEST(MultiheadAttention, DescribesItselfAndRefusesOptionsThatMakeNoSense) {
  EXPECT_EQ(MultiheadAttention({}).description(), "?, 1 head");
  EXPECT_EQ(
      MultiheadAttention({.embed_dim = 4, .num_heads = 2, .dropout = 0.5, .bias = false, .causal = true})
          .description(),
      "4, 2 heads, causal, dropout 0.5, no bias");
  expect_throw<ValueError>([] { MultiheadAttention({.num_heads = 0}); },
                           {"MultiheadAttention: need num_heads >= 1", "got 0 and 0"});
  expect_throw<ValueError>([] { MultiheadAttention({.embed_dim = 5, .num_heads = 2}); },
                           {"MultiheadAttention: 2 heads do not share 5 features evenly"});
  expect_throw<ValueError>([] { MultiheadAttention({.dropout = 2}); }, {"need a dropout in [0, 1], got 2"});
}

TEST(MultiheadAttention, NamesInputsThatDoNotFit) {
  MultiheadAttention layer({.num_heads = 2});
  expect_throw<ShapeError>(
      [&] {
        layer(zeros({2, 3, 5}));
      },
      {"MultiheadAttention(?, 2 heads): attention: 2 heads do not share 5 features"});
  expect_throw<ShapeError>([&] { layer(zeros({3, 4})); }, {"need the query as [N, L, E], got [3, 4]"});
  const Tensor x = zeros({2, 3, 4});
  layer(x);
  expect_throw<ShapeError>(
      [&] {
        layer.attend({x, zeros({2, 3, 6}), x});
      },
      {"attention: need the key as [N, L, 4], got [2, 3, 6]"});
  expect_throw<ShapeError>(
      [&] {
        layer.attend({x, x, zeros({2, 5, 4})});
      },
      {"attention: need as many values as keys, got [2, 5, 4] and [2, 3, 4]"});
  expect_throw<ValueError>([&] { layer.attend({x, x, {}}); }, {"attention: the value is undefined"});
}

TEST(PositionalEncoding, AddsPositionsToEverySample) {
  for (const Device device : devices()) {
    PositionalEncoding layer({.max_length = 6});
    const Tensor y = layer(zeros({2, 4, 3}, DType::f64, device));
    const Tensor positions = sinusoidal_positions(6, 3);
    expect_same(y.select(0, 1), to_ndarray(positions.slice(0, 0, 4)));
    EXPECT_EQ(layer.state()[0].first, "pe");
    EXPECT_TRUE(layer.parameters().empty());
    expect_throw<ShapeError>(
        [&] {
          layer(zeros({2, 7, 3}, DType::f64, device));
        },
        {"PositionalEncoding(up to 6)", "T of at most 6, got [2, 7, 3]"});
    expect_throw<ShapeError>(
        [&] {
          layer(zeros({2, 4, 5}, DType::f64, device));
        },
        {"need x [N, T, 3], got [2, 4, 5]"});
  }
  PositionalEncoding dropping({.dropout = 1});
  expect_same(dropping(ones({1, 2, 1})), {0, 0});
  dropping.eval();
  EXPECT_NE(dropping(ones({1, 2, 1})).to_vector<float>(), (std::vector<float>{0, 0}));
  EXPECT_EQ(dropping.description(), "up to 1000, dropout 1");
  expect_throw<ValueError>([] { PositionalEncoding({.max_length = 0}); }, {"need max_length >= 1"});
}

}  // namespace
}  // namespace dlengine::test

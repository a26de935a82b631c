// Attention over padded sequences: PyTorch's stored numbers, what padding must not do, and messages.
#include <gtest/gtest.h>

#include <memory>

#include "dlengine/core/gradcheck.h"
#include "dlengine/core/ops.h"
#include "tests/golden/golden.h"
#include "tests/graph/graphs.h"

namespace dlengine::test {
namespace {

const Golden& golden() {
  static const Golden file("padded.safetensors");
  return file;
}

struct Place {
  DType dtype;
  Device device;
};

using Named = std::vector<std::pair<std::string, NdArray>>;

// A case of make_padded.py.
class StoredCase {
 public:
  StoredCase(std::string name, const Place& place, DType rounding)
      : name_(std::move(name)), place_(place), rounding_(rounding) {}

  Named attention() {
    MultiheadAttention layer({.embed_dim = 4, .num_heads = 2});
    load(layer);
    const Tensor q = leaf("q"), k = leaf("k"), v = leaf("v");
    const MultiheadAttention::Output output =
        layer.attend({.query = q, .key = k, .value = v, .mask = stored("mask"), .valid_keys = valid_keys()});
    (sum(output.output * stored("gradient.y")) + sum(output.weights * stored("gradient.weights"))).backward();
    results_ = {{"y", to_ndarray(output.output)},
                {"weights", to_ndarray(output.weights)},
                {"dq", to_ndarray(q.grad())},
                {"dk", to_ndarray(k.grad())},
                {"dv", to_ndarray(v.grad())}};
    return with_gradients(layer);
  }

  template <typename Layer>
  Named encoder(Layer layer) {
    load(layer);
    const Tensor x = leaf("x"), y = layer.forward(x, valid_keys());
    y.backward(stored("gradient.y"));
    results_ = {{"y", to_ndarray(y)}, {"dx", to_ndarray(x.grad())}};
    return with_gradients(layer);
  }

 private:
  Tensor stored(const std::string& key) const {
    return golden().at(name_ + "." + key).to(rounding_).to(place_.dtype).to(place_.device).detach();
  }
  Tensor leaf(const std::string& key) const { return stored(key).set_requires_grad(); }
  Tensor valid_keys() const { return golden().at(name_ + ".valid").to(DType::boolean).to(place_.device); }
  void load(Module& layer) const {
    layer.to(place_.dtype);
    layer.to(place_.device);
    NamedTensors state;
    for (const auto& [key, value] : golden().under(name_ + ".state.")) {
      state.emplace_back(key, value.to(rounding_));
    }
    layer.load_state(state);
  }
  Named with_gradients(Module& layer) {
    for (const auto& [key, tensor] : layer.named_parameters()) {
      results_.emplace_back("grad." + key, to_ndarray(tensor.grad()));
    }
    return std::move(results_);
  }

  std::string name_;
  Place place_;
  DType rounding_;
  Named results_;
};

Named run(const std::string& name, const Place& place, DType rounding) {
  StoredCase stored(name, place, rounding);
  if (name == "attention") return stored.attention();
  const bool first = name != "encoder_layer";
  const TransformerEncoderLayerOptions layer{
      .d_model = 4,
      .nhead = 2,
      .dim_feedforward = 6,
      .dropout = 0,
      .activation = first ? TransformerActivation::gelu : TransformerActivation::relu,
      .norm_first = first};
  if (name != "encoder") return stored.encoder(TransformerEncoderLayer(layer));
  return stored.encoder(TransformerEncoder({.layer = layer, .num_layers = 2, .norm = true}));
}

class Padded : public testing::TestWithParam<const char*> {};

// Layer norm divides by deviations that may be small.
Tolerance close_in(DType dtype) { return tolerance(dtype, {.terms = 100, .roundings = 60, .magnitude = 4}); }

TEST_P(Padded, AgreesWithPyTorch) {
  const std::string name = GetParam();
  for (const Device device : devices()) {
    for (const DType dtype : {DType::f64, DType::f32}) {
      const Named got = run(name, {dtype, device}, DType::f64);
      size_t gradients = 0;
      for (const auto& [key, value] : got) {
        SCOPED_TRACE(to_string(device) + " " + key);
        expect_close(value, to_ndarray(golden().at(name + "." + key)), close_in(dtype));
        gradients += key.starts_with("grad.");
      }
      EXPECT_EQ(gradients, golden().under(name + ".grad.").size());
    }
  }
}

TEST_P(Padded, AgreesWithF64InEveryFloatingType) {
  for (const Device device : devices()) {
    for (const DType dtype : {DType::f16, DType::bf16, DType::f32}) {
      const Named want = run(GetParam(), {DType::f64, kCpu}, dtype);
      const Named got = run(GetParam(), {dtype, device}, dtype);
      for (size_t i = 0; i < got.size(); ++i) {
        SCOPED_TRACE(to_string(device) + " " + got[i].first);
        expect_close(got[i].second, want[i].second, close_in(dtype));
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, Padded,
                         testing::Values("attention", "encoder_layer", "encoder_layer_first", "encoder"),
                         [](const auto& row) { return row.param; });

// Of 3 samples with 4, 2 and 0 elements.
Tensor some_valid_keys(Device device) {
  return from_vector<uint8_t>({1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0}, {3, 4}).to(DType::boolean).to(device);
}

TEST(PaddedAttention, CombinesWithEveryKindOfMask) {
  for (const Device device : devices()) {
    MultiheadAttention layer({.embed_dim = 4, .num_heads = 2});
    layer.to(device);
    const Tensor x = randn({3, 4, 4}).to(device), valid = some_valid_keys(device);
    const Tensor causal = tril(ones({4, 4}, DType::boolean, device));
    const Tensor numbers = where(causal, zeros({4, 4}, DType::f32, device), -INFINITY);
    const NdArray want = to_ndarray(layer.attend({x, x, x, causal & valid.reshape({3, 1, 1, 4})}).weights);
    expect_same(layer.attend({x, x, x, causal, valid}).weights, want);
    expect_same(layer.attend({x, x, x, numbers, valid}).weights, want);
    MultiheadAttention itself({.embed_dim = 4, .num_heads = 2, .causal = true});
    itself.to(device);
    itself.load_state(layer.state());
    expect_same(itself.attend({.query = x, .key = x, .value = x, .valid_keys = valid}).weights, want);
  }
}

TEST(PaddedEncoder, ElementsDoNotSeePadding) {
  for (const Device device : devices()) {
    TransformerEncoder net({.layer = {.d_model = 4, .nhead = 2, .dim_feedforward = 6}, .num_layers = 2});
    net.to(device);
    net.eval();
    const Tensor x = randn({3, 4, 4}).to(device), valid = some_valid_keys(device);
    const Tensor shown = valid.unsqueeze(2), other = where(shown, x, 1e6);
    expect_same(where(shown, net.forward(other, valid), 0),
                to_ndarray(where(shown, net.forward(x, valid), 0)));
    // Where all is valid nothing changes.
    expect_same(net.forward(x, ones({3, 4}, DType::boolean, device)), to_ndarray(net(x)));
  }
}

TEST(PaddedEncoder, PaddingAloneKeepsWhatGoesAroundTheAttention) {
  for (const Device device : devices()) {
    TransformerEncoderLayer layer({.d_model = 4, .dim_feedforward = 6, .dropout = 0, .norm_first = true});
    layer.to(device);
    Tensor x = randn({1, 3, 4}).to(device).set_requires_grad();
    const Tensor y = layer.forward(x, zeros({1, 3}, DType::boolean, device));
    EXPECT_TRUE(all(isfinite(y)).item<bool>());
    sum(y).backward();
    EXPECT_TRUE(all(isfinite(x.grad())).item<bool>());
    MultiheadAttention attention({.embed_dim = 4, .num_heads = 2});
    attention.to(device);
    const Tensor none = zeros({1, 3}, DType::boolean, device);
    const MultiheadAttention::Output output =
        attention.attend({.query = x, .key = x, .value = x, .valid_keys = none});
    expect_same(output.weights, NdArray({1, 2, 3, 3}));
    expect_same(output.output, NdArray({1, 3, 4}));  // the bias of out_proj, 0 at first
  }
}

TEST(PaddedEncoder, GradientsMatchCentralDifferences) {
  for (const Device device : devices()) {
    TransformerEncoder net({.layer = {.d_model = 4, .nhead = 2, .dim_feedforward = 5, .dropout = 0},
                            .num_layers = 2,
                            .norm = true});
    net.to(device);
    net.to(DType::f64);
    const Tensor x = randn({3, 4, 4}, 0, 1, DType::f64, device).set_requires_grad();
    const Tensor valid = some_valid_keys(device);
    EXPECT_TRUE(
        gradcheck([&](const std::vector<Tensor>& in) { return net.forward(in[0], valid); }, {x}).passed);
  }
}

TEST(PaddedEncoder, MayBeInAGraphAndTakesNothing) {
  for (const Device device : devices()) {
    TransformerEncoder net({.layer = {.d_model = 4, .nhead = 2, .dim_feedforward = 6}, .norm = true});
    net.to(device);
    net.eval();
    const Graph graph = trace(
        [&](const std::vector<Tensor>& in) { return std::vector{net.forward(in[0], in[1])}; },
        {{.name = "x", .shape = {2, 4, 4}}, {.name = "valid", .shape = {2, 4}, .dtype = DType::boolean}},
        {.device = device});
    const Tensor x = randn({3, 4, 4}).to(device), valid = some_valid_keys(device);
    const NoGrad no_grad;
    expect_same_bits(graph.run({x, valid})[0], net.forward(x, valid));
    EXPECT_EQ(net.forward(x.slice(0, 0, 0), valid.slice(0, 0, 0)).shape(), (Shape{0, 4, 4}));
  }
}

TEST(PaddedEncoder, HasPyTorchsNamesAndDescribesItself) {
  TransformerEncoder net({.layer = {.d_model = 8, .dim_feedforward = 16}, .num_layers = 2, .norm = true});
  const NamedTensors state = net.state();
  ASSERT_EQ(state.size(), 2 * 12 + 2u);
  EXPECT_EQ(state[0].first, "layers.0.self_attn.in_proj_weight");
  EXPECT_EQ(state[25].first, "norm.bias");
  EXPECT_EQ(net.description(), "2 layers");
  const std::vector<SummaryRow> rows = summary_rows(net, {2, 5, 8});
  EXPECT_EQ(rows[0].path, "layers.0.self_attn");
  EXPECT_EQ(rows.back().output, (Shape{2, 5, 8}));
  EXPECT_FALSE(net.first_not_replayable());
  TransformerEncoder plain({.layer = {.d_model = 8}});
  EXPECT_EQ(plain.description(), "1 layer");
  EXPECT_EQ(plain.state().size(), 12u);
}

TEST(PaddedEncoder, NamesWhatDoesNotFit) {
  expect_throw<ValueError>([] { TransformerEncoder({.layer = {.d_model = 4}, .num_layers = 0}); },
                           {"TransformerEncoder: need num_layers >= 1, got 0"});
  expect_throw<ValueError>([] { TransformerEncoder({.num_layers = 2}); },
                           {"TransformerEncoderLayer: need d_model"});
  for (const Device device : devices()) {
    TransformerEncoderLayer layer({.d_model = 4, .dim_feedforward = 6});
    layer.to(device);
    const Tensor x = zeros({3, 5, 4}, DType::f32, device);
    expect_throw<DTypeError>(
        [&] {
          layer.forward(x, zeros({3, 5}, DType::i64, device));
        },
        {"attention: need valid_keys of bool (false: padding), got i64"});
    expect_throw<ShapeError>(
        [&] {
          layer.forward(x, zeros({5, 3}, DType::boolean, device));
        },
        {"attention: need valid_keys [3, 5] (samples, keys), got [5, 3]"});
    if (device == kCpu) continue;
    expect_throw<DeviceError>([&] { layer.forward(x, zeros({3, 5}, DType::boolean)); }, {"attention"});
  }
}

}  // namespace
}  // namespace dlengine::test

// A transformer's encoder layer: PyTorch's stored numbers, options and messages.
#include "dlengine/layers/transformer.h"

#include <gtest/gtest.h>

#include "dlengine/core/factory.h"
#include "dlengine/layers/layers.h"
#include "tests/golden/golden.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"

namespace dlengine::test {
namespace {

TransformerEncoderLayer make(const std::string& name) {
  const bool first = name == "transformer_norm_first";
  return TransformerEncoderLayer(
      {.d_model = 4,
       .nhead = 2,
       .dim_feedforward = 6,
       .dropout = 0,
       .activation = first ? TransformerActivation::gelu : TransformerActivation::relu,
       .norm_first = first});
}

TEST(TransformerEncoderLayer, AgreesWithPyTorch) {
  const Golden golden("sequences.safetensors");
  for (const std::string name : {"transformer", "transformer_norm_first"}) {
    for (const Device device : devices()) {
      for (const DType dtype : {DType::f64, DType::f32}) {
        SCOPED_TRACE(name + " " + to_string(device) + " " + std::string(dlengine::name(dtype)));
        const auto stored = [&](const std::string& key) {
          return golden.at(name + key).to(dtype).to(device).detach();
        };
        TransformerEncoderLayer layer = make(name);
        layer.to(dtype);
        layer.to(device);
        layer.load_state(golden.under(name + ".state."));
        Tensor x = stored(".x").set_requires_grad();
        const Tensor y = layer(x);
        y.backward(stored(".dy"));
        // Layer norm divides by deviations that may be small.
        const Tolerance close = tolerance(dtype, {.terms = 100, .roundings = 60, .magnitude = 4});
        expect_close(y, to_ndarray(golden.at(name + ".y")), close);
        expect_close(x.grad(), to_ndarray(golden.at(name + ".dx")), close);
        for (const auto& [key, tensor] : layer.named_parameters()) {
          SCOPED_TRACE(key);
          expect_close(tensor.grad(), to_ndarray(golden.at(name + ".grad." + key)), close);
        }
        EXPECT_EQ(layer.named_parameters().size(), golden.under(name + ".grad.").size());
      }
    }
  }
}

TEST(TransformerEncoderLayer, GradientsMatchCentralDifferences) {
  for (const Device device : devices()) {
    for (const bool norm_first : {false, true}) {
      TransformerEncoderLayer layer({.d_model = 4,
                                     .nhead = 2,
                                     .dim_feedforward = 5,
                                     .dropout = 0.3,
                                     .activation = TransformerActivation::gelu,
                                     .norm_first = norm_first,
                                     .causal = true});
      layer.to(device);
      layer.to(DType::f64);
      manual_seed(5);
      const Tensor x = randn({2, 3, 4}, 0, 1, DType::f64, device).set_requires_grad();
      EXPECT_TRUE(gradcheck(layer, x).passed);
    }
  }
}

TEST(TransformerEncoderLayer, DropsInTrainingOnly) {
  TransformerEncoderLayer layer({.d_model = 8, .dim_feedforward = 16, .dropout = 0.5});
  const Tensor x = randn({2, 3, 8});
  EXPECT_NE(layer(x).to_vector<float>(), layer(x).to_vector<float>());
  layer.eval();
  EXPECT_EQ(layer(x).to_vector<float>(), layer(x).to_vector<float>());
}

TEST(TransformerEncoderLayer, AppearsInSummaries) {
  Sequential net{Embedding({.num_embeddings = 10, .embedding_dim = 8}), PositionalEncoding(),
                 TransformerEncoderLayer({.d_model = 8, .nhead = 2, .dim_feedforward = 16})};
  const std::vector<SummaryRow> rows = summary_rows(net, {2, 5});
  EXPECT_EQ(rows[2].path, "2.self_attn");
  EXPECT_EQ(rows.back().output, (Shape{2, 5, 8}));
  EXPECT_FALSE(net.first_not_replayable());
}

TEST(TransformerEncoderLayer, RefusesOptionsThatMakeNoSense) {
  expect_throw<ValueError>(
      [] { TransformerEncoderLayer({.nhead = 2}); },
      {"TransformerEncoderLayer: need d_model and dim_feedforward >= 1, got 0 and 2048"});
  expect_throw<ValueError>([] { TransformerEncoderLayer({.d_model = 5, .nhead = 2}); },
                           {"2 heads do not share 5 features evenly"});
}

}  // namespace
}  // namespace dlengine::test

// Embedding, and networks whose inputs are tokens.
#include "dlengine/layers/embedding.h"

#include <gtest/gtest.h>

#include <cmath>

#include "dlengine/core/factory.h"
#include "dlengine/core/ops.h"
#include "dlengine/layers/layers.h"
#include "tests/golden/golden.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"

namespace dlengine::test {
namespace {

TEST(EmbeddingLayer, AgreesWithPyTorch) {
  const Golden golden("sequences.safetensors");
  for (const Device device : devices()) {
    Embedding layer({.num_embeddings = 5, .embedding_dim = 3, .padding_idx = 2});
    layer.to(DType::f64);
    layer.to(device);
    layer.load_state(golden.under("embedding.state."));
    const Tensor y = layer(golden.at("embedding.x").to(device));
    expect_same(y, to_ndarray(golden.at("embedding.y")));
    y.backward(golden.at("embedding.dy").to(device));
    expect_close(layer.parameters()[0].grad(), to_ndarray(golden.at("embedding.grad")),
                 tolerance(DType::f64, {.terms = 4}));
  }
}

TEST(EmbeddingLayer, StartsNormalWithPaddingZero) {
  manual_seed(8);
  Embedding layer({.num_embeddings = 200, .embedding_dim = 50, .padding_idx = 7});
  const Tensor weight = layer.parameters()[0];
  EXPECT_EQ(weight.shape(), (Shape{200, 50}));
  expect_same(weight.select(0, 7), std::vector<double>(50, 0));
  EXPECT_NEAR(mean(weight).item<double>(), 0, 5 / std::sqrt(10000.0));  // 5 deviations
  EXPECT_NEAR(mean(square(weight)).item<double>(), 1, 0.1);
  EXPECT_NE(weight.select(0, 8).to_vector<float>()[0], 0);
}

Sequential tagger() {
  return Sequential(Embedding({.num_embeddings = 10, .embedding_dim = 4}), GRU({.hidden_size = 3}),
                    Linear({.out_features = 2}));
}

TEST(EmbeddingLayer, ShapesOfTokensAreInferred) {
  for (const Device device : devices()) {
    Sequential net = tagger();
    net.infer_shapes({2, 7}, device);
    EXPECT_EQ(net.state()[1].first, "1.weight_ih_l0");
    EXPECT_EQ(net.state()[1].second.shape(), (Shape{9, 4}));
    EXPECT_EQ(net(zeros({2, 7}, DType::i64, device)).shape(), (Shape{2, 7, 2}));
  }
  Sequential outer{tagger()};  // a network in a network
  const std::vector<SummaryRow> rows = summary_rows(outer, {2, 7});
  EXPECT_EQ(rows[0].options, "10 -> 4");
  EXPECT_EQ(rows[0].output, (Shape{2, 7, 4}));
  EXPECT_EQ(rows[2].output, (Shape{2, 7, 2}));
  EXPECT_EQ(Sequential().input_type(DType::f64), DType::f64);
}

TEST(EmbeddingLayer, IsCheckedAgainstDifferences) {
  Sequential net = tagger();
  net.to(DType::f64);
  const Tensor tokens = from_vector<int64_t>({1, 3, 3, 9, 0, 1}, {2, 3});
  net.infer_shapes({2, 3}, DType::f64);
  net.to(DType::f64);
  const Tensor table = net.parameters()[0];
  const auto f = [&](const std::vector<Tensor>& in) { return embedding(in[0], tokens, 3); };
  EXPECT_TRUE(gradcheck(f, {table}, {.throw_on_failure = false}).passed == false);  // row 3 is left out
  const auto all = [&](const std::vector<Tensor>& in) { return embedding(in[0], tokens); };
  EXPECT_TRUE(gradcheck(all, {table}).passed);
}

TEST(EmbeddingLayer, DescribesItselfAndRefusesOptionsThatMakeNoSense) {
  EXPECT_EQ(Embedding({.num_embeddings = 5, .embedding_dim = 3}).description(), "5 -> 3");
  EXPECT_EQ(Embedding({.num_embeddings = 5, .embedding_dim = 3, .padding_idx = 0}).description(),
            "5 -> 3, padding 0");
  expect_throw<ValueError>([] { Embedding({.embedding_dim = 3}); },
                           {"Embedding: need num_embeddings and embedding_dim >= 1, got 0 and 3"});
  expect_throw<ValueError>([] { Embedding({.num_embeddings = 5, .embedding_dim = 3, .padding_idx = 5}); },
                           {"Embedding: need padding_idx 0 .. 4", "got 5"});
}

TEST(EmbeddingLayer, NamesItselfInErrors) {
  Sequential net = tagger();
  expect_throw<ValueError>(
      [&] {
        net(from_vector<int64_t>({0, 10}, {1, 2}));
      },
      {"layer 0: Embedding(10 -> 4): embedding", "index 10", "0 .. 9"});
  expect_throw<DTypeError>([&] { net(zeros({1, 2})); }, {"Embedding(10 -> 4)", "i32 or i64, got f32"});
}

}  // namespace
}  // namespace dlengine::test

// Graphs give the bits of the models that they were traced from.
#include "dlengine/core/backend.h"
#include "dlengine/optim/sgd.h"
#include "dlengine/train/captured_step.h"
#include "tests/graph/graphs.h"

namespace dlengine::test {
namespace {

/// Runs the model's graph, as traced and as loaded, with several batch sizes.
void expect_models_bits(Module& model, const Shape& sample, Device device, DType dtype) {
  Shape batch = sample;
  const Graph traced = trace(model, sample, {.dtype = dtype});
  EXPECT_TRUE(traced.any_batch());
  EXPECT_EQ(traced.device(), device);
  const Graph loaded = saved_and_loaded(traced, device);
  EXPECT_EQ(to_string(loaded), to_string(traced));
  for (const int64_t size : {4, 1, 7}) {
    SCOPED_TRACE("batch of " + std::to_string(size));
    batch[0] = size;
    const Tensor x = randn(batch, 1, 2, dtype, device);
    const Tensor want = evaluated(model, x);
    for (const Graph* graph : {&traced, &loaded}) {
      const Tensor y = (*graph)(x);
      EXPECT_FALSE(y.requires_grad());
      EXPECT_EQ(y.device(), device);
      expect_same_bits(y, want);
    }
  }
}

TEST(GraphRun, GivesTheModelsBits) {
  for (const Device device : devices()) {
    for (const DType dtype : floating_types()) {
      SCOPED_TRACE(std::string(name(dtype)) + " on " + to_string(device));
      manual_seed(1);
      SmallResidual model;
      model.infer_shapes({2, 3, 8, 8});
      model.to(dtype);
      model.to(device);
      collect_statistics(model, {4, 3, 8, 8}, device, dtype);
      expect_models_bits(model, {2, 3, 8, 8}, device, dtype);
      EXPECT_TRUE(model.training());
    }
  }
}

TEST(GraphRun, TransposedConvolutions) {
  for (const Device device : devices()) {
    for (const DType dtype : floating_types()) {
      SCOPED_TRACE(std::string(name(dtype)) + " on " + to_string(device));
      manual_seed(9);
      Sequential model{ConvTranspose2d({.in_channels = 4, .out_channels = 3, .kernel = 3, .stride = 2}),
                       ReLU(), ConvTranspose2d({.in_channels = 3, .out_channels = 2, .kernel = 2})};
      model.to(dtype);
      model.to(device);
      expect_models_bits(model, {2, 4, 3, 5}, device, dtype);
    }
  }
}

TEST(GraphRun, NetworksOfTokens) {
  for (const Device device : devices()) {
    manual_seed(8);
    Sequential model{Embedding({.num_embeddings = 9, .embedding_dim = 4}),
                     LSTM({.input_size = 4, .hidden_size = 3, .bidirectional = true}),
                     GRU({.input_size = 6, .hidden_size = 5, .return_sequences = false})};
    model.infer_shapes({1, 6}, DType::i64);
    model.to(device);
    const Graph graph = saved_and_loaded(trace(model, {1, 6}, {.dtype = DType::i64}), device);
    EXPECT_EQ(graph.count("lstm_cell"), 12u);
    EXPECT_EQ(graph.count("gru_cell"), 6u);
    for (const int64_t batch : {1, 4}) {
      const Tensor tokens = rand({batch, 6}, 0, 9).to(DType::i64).to(device);
      expect_same_bits(graph(tokens), evaluated(model, tokens));
    }
    // What indices read out of a file's tensors is checked, too.
    expect_throw<ValueError>([&] { graph(full({1, 6}, 9, DType::i64, device)).to(kCpu); }, {"9"});
  }
}

TEST(GraphRun, AGraphTracedOnOneDeviceRunsOnAnother) {
  for (const Device from : devices()) {
    for (const Device to : devices()) {
      SCOPED_TRACE(to_string(from) + " to " + to_string(to));
      manual_seed(2);
      SmallResidual model;
      model.infer_shapes({2, 3, 8, 8});
      collect_statistics(model, {4, 3, 8, 8}, kCpu);
      model.to(from);
      const Graph graph = trace(model, {1, 3, 8, 8});
      model.to(to);
      const Tensor x = randn({3, 3, 8, 8}), want = evaluated(model, x.to(to));
      expect_same_bits(graph.to(to)(x), want);
      expect_same_bits(saved_and_loaded(graph, to)(x), want);
    }
  }
}

TEST(GraphRun, KeepsACopyOfTheWeights) {
  Sequential model{Linear({.in_features = 3, .out_features = 2})};
  const Tensor x = randn({2, 3});
  const Graph graph = trace(model, {2, 3});
  const Tensor before = evaluated(model, x);
  for (Tensor parameter : model.parameters()) parameter.detach().fill_(0);
  expect_same_bits(graph(x), before);
}

TEST(GraphRun, WeightsThatAnOptimizerHolds) {
  Sequential model{Linear({.in_features = 3, .out_features = 4}), Tanh(),
                   Linear({.in_features = 4, .out_features = 2})};
  SGD optimizer(model.parameters(), {.lr = 0.1});
  const Graph graph = trace(model, {2, 3});
  ASSERT_EQ(graph.constants().size(), 4u);
  EXPECT_EQ(graph.constants()[0].first, "0.weight");
  EXPECT_EQ(graph.constants()[3].second.shape(), (Shape{2}));
  const Tensor x = randn({5, 3});
  expect_same_bits(graph(x), evaluated(model, x));
}

TEST(GraphRun, SeveralInputsAndResults) {
  for (const Device device : devices()) {
    const auto f = [](const std::vector<Tensor>& in) {
      const Tensor both = concat({in[0], in[1]}, 1);
      return std::vector{matmul(both, both.transpose(0, 1)).slice(1, 0, 2), in[0], argmax(both, 1)};
    };
    const Graph graph =
        trace(f, {{"a", {2, 3}}, {"b", {2, 2}}},
              {.outputs = {"products", "a", "largest"}, .device = device, .any_batch = false});
    EXPECT_EQ(graph.outputs()[2].name, "largest");
    EXPECT_EQ(graph.outputs()[2].dtype, DType::i64);
    const std::vector<Tensor> inputs = {randn({2, 3}).to(device), randn({2, 2}).to(device)};
    const auto want = f(inputs);
    for (const Graph& each : {graph, saved_and_loaded(graph, device)}) {
      const auto got = each.run(inputs);
      ASSERT_EQ(got.size(), 3u);
      for (size_t i = 0; i < 3; ++i) expect_same_bits(got[i], want[i]);
    }
  }
}

TEST(GraphRun, TakesViewsAndInputsOfOtherDevices) {
  for (const Device device : devices()) {
    const Graph graph = trace([](const std::vector<Tensor>& in) { return std::vector{in[0] * 2.0}; },
                              {{"x", {2, 3}}}, {.device = device});
    const Tensor x = randn({3, 5}).transpose(0, 1).slice(0, 1, 5, 2);
    expect_same_bits(graph(x), (x * 2.0).contiguous());
  }
}

// What is computed lives until its last use: six layers, but never more than two of their results at once.
TEST(GraphRun, MemoryIsGivenBackAfterItsLastUse) {
  constexpr int64_t kWidth = 1 << 16;
  const auto f = [](const std::vector<Tensor>& in) {
    Tensor x = in[0];
    for (int i = 0; i < 6; ++i) x = sigmoid(x);
    return std::vector{x};
  };
  const Graph graph = trace(f, {{"x", {1, kWidth}}});
  const Tensor x = randn({1, kWidth});
  graph(x);
  Allocator& allocator = backend_for(kCpu).allocator(0);
  const int64_t before = allocator.stats().in_use;
  allocator.reset_peak();
  graph(x);
  EXPECT_LE(allocator.stats().peak - before, 2 * kWidth * 4 + 4096);
}

TEST(GraphRun, StepsOfGraphsAreRecordedAndReplayed) {
  for (const Device device : devices()) {
    manual_seed(3);
    SmallResidual model;
    model.infer_shapes({2, 3, 8, 8});
    model.to(device);
    const Graph graph = trace(model, {2, 3, 8, 8});
    CapturedStep step(
        device, [&](const std::vector<Tensor>& in) { return graph.run(in); },
        [&] {
          std::vector<Tensor> constants;
          for (const auto& [name, tensor] : graph.constants()) constants.push_back(tensor);
          return constants;
        });
    for (int i = 0; i < 6; ++i) {
      const Tensor x = randn({4, 3, 8, 8}).to(device);
      expect_same_bits(step({x})[0], evaluated(model, x));
    }
    EXPECT_EQ(step.reason(), "");
    EXPECT_GT(step.kernels(), 0);
  }
}

TEST(GraphRun, EmptyBatches) {
  Sequential model{Linear({.in_features = 3, .out_features = 2}), ReLU()};
  EXPECT_EQ(trace(model, {2, 3})(zeros({0, 3})).shape(), (Shape{0, 2}));
}

TEST(GraphRun, RefusesOtherInputs) {
  Sequential model{Linear({.in_features = 3, .out_features = 2})};
  const Graph graph = trace(model, {2, 3});
  expect_throw<ShapeError>([&] { graph(zeros({2, 4})); }, {"input x must be [N, 3] with N = 2", "[2, 4]"});
  expect_throw<ShapeError>([&] { graph(zeros({3})); }, {"input x must be [N, 3], got [3]"});
  expect_throw<DTypeError>([&] { graph(zeros({2, 3}, DType::f64)); }, {"input x must be f32, got f64"});
  expect_throw<ValueError>([&] { graph.run({}); }, {"0 inputs are given, it has 1"});
  expect_throw<ValueError>([&] { graph.run({Tensor()}); }, {"input x is undefined"});
  const Graph fixed = trace(model, {2, 3}, {.any_batch = false});
  EXPECT_FALSE(fixed.any_batch());
  expect_throw<ShapeError>([&] { fixed(zeros({3, 3})); }, {"input x must be [2, 3], got [3, 3]"});
  const auto two = trace(
      [](const std::vector<Tensor>& in) {
        return std::vector{in[0], in[0]};
      },
      {{"x", {1}}});
  expect_throw<ValueError>([&] { two(zeros({1})); }, {"1 inputs and 2 results"});
}

TEST(GraphRun, InputsMustAgreeInTheBatch) {
  const Graph graph = trace([](const std::vector<Tensor>& in) { return std::vector{in[0] + in[1]}; },
                            {{"a", {2, 3}}, {"b", {2, 3}}});
  expect_throw<ShapeError>(
      [&] {
        graph.run({zeros({2, 3}), zeros({4, 3})});
      },
      {"input b must be [N, 3] with N = 2, got [4, 3]"});
}

}  // namespace
}  // namespace dlengine::test

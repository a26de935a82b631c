// What a trace keeps, what it refuses, and how it reads.
#include <gmock/gmock.h>

#include "tests/graph/graphs.h"

namespace dlengine::test {
namespace {

using testing::HasSubstr;
using testing::Not;

Graph traced(std::function<Tensor(const Tensor&)> f, const Shape& input = {2, 3}) {
  return trace([f = std::move(f)](const std::vector<Tensor>& in) { return std::vector{f(in[0])}; },
               {{"x", input}});
}

TEST(Trace, ReadsAsText) {
  Sequential model;
  model.add("conv", Conv2d({.in_channels = 1, .out_channels = 4, .kernel = 3, .stride = 2}))
      .add("act", ReLU())
      .add("flatten", Flatten())
      .add("fc", Linear({.in_features = 36, .out_features = 2}));
  model.to(DType::f64);  // in f64 images are row-major on every device
  EXPECT_EQ(to_string(trace(model, {1, 1, 8, 8}, {.dtype = DType::f64})),
            "graph of 2 calls on cpu, 4 constants of 0.00 MB, any batch size N\n"
            "  input x: f64 [N, 1, 8, 8]\n"
            "  %3 = conv2d(x, conv.weight [4, 1, 3, 3], conv.bias [4], stride 2x2, activation relu) -> f64 "
            "[N, 4, 3, 3]\n"
            "  %6 = linear(%3 as [N, 36], fc.weight [2, 36], fc.bias [2]) -> f64 [N, 2]\n"
            "  output y = %6: f64 [N, 2]\n");
}

TEST(Trace, ComputesNothing) {
  int calls = 0;
  const Graph graph = traced([&](const Tensor& x) {
    ++calls;
    return exp(x) * 3.0;
  });
  EXPECT_EQ(graph.size(), 2u);
  EXPECT_EQ(graph.count("unary"), 1u);
  EXPECT_GT(calls, 1);  // for several batch sizes
  EXPECT_EQ(graph.inputs()[0].shape, "[N, 3]");
  EXPECT_EQ(graph.outputs()[0].shape, "[N, 3]");
}

TEST(Trace, SizesGrowWithTheBatch) {
  const Graph graph = traced([](const Tensor& x) { return x.reshape({-1, 1, 2}).flatten(); }, {1, 4, 6});
  EXPECT_EQ(graph.outputs()[0].shape, "[24N]");
  EXPECT_EQ(graph(zeros({5, 4, 6})).shape(), (Shape{120}));
  const Graph extended = traced([](const Tensor& x) { return concat({x, zeros({1, 3})}, 0); });
  EXPECT_EQ(extended.outputs()[0].shape, "[N+1, 3]");
  EXPECT_EQ(extended(ones({4, 3})).shape(), (Shape{5, 3}));
}

TEST(Trace, KeepsTensorsOfTheHost) {
  for (const Device device : devices()) {
    const Tensor held = randn({3}).to(device);
    const auto f = [&](const Tensor& x) { return x + held + arange(0, 3, 1, DType::f32, device); };
    const Graph graph = trace([&](const std::vector<Tensor>& in) { return std::vector{f(in[0])}; },
                              {{"x", {2, 3}}}, {.device = device});
    EXPECT_EQ(graph.constants()[0].first, "constant.0");
    const Tensor x = randn({4, 3}).to(device);
    expect_same_bits(graph(x), f(x));
    expect_same_bits(saved_and_loaded(graph, device)(x), f(x));
  }
}

TEST(Trace, GivesNoKnownNameTwice) {
  Tensor mine = ones({3}), other = ones({3}) * 2.0;
  const Graph graph = trace([&](const std::vector<Tensor>& in) { return std::vector{in[0] * mine + other}; },
                            {{"x", {2, 3}}}, {.constants = {{"constant.0", mine}}});
  ASSERT_EQ(graph.constants().size(), 2u);
  EXPECT_EQ(graph.constants()[0].first, "constant.0");
  EXPECT_EQ(graph.constants()[1].first, "constant.1");
}

TEST(Trace, ModelsWhoseSizesTheInputTells) {
  manual_seed(4);
  Sequential model{Conv2d({.out_channels = 4, .kernel = 3}), BatchNorm2d(), Flatten(),
                   Linear({.out_features = 2})};
  const Graph graph = trace(model, {1, 2, 5, 5});
  const Tensor x = randn({3, 2, 5, 5});
  expect_same_bits(graph(x), evaluated(model, x));
}

TEST(Trace, TheModelWorksAsBefore) {
  Sequential model{Linear({.in_features = 3, .out_features = 2}), Dropout(0.5)};
  trace(model, {2, 3});
  EXPECT_TRUE(model.training());
  const Tensor y = sum(model(ones({4, 3})));
  y.backward();
  EXPECT_TRUE(model.parameters()[0].grad().defined());
}

struct Refused {
  const char* what;
  std::function<Tensor(const Tensor&)> f;
  const char* reason;
};

TEST(Trace, RefusesWithTheReason) {
  static Tensor held = ones({3});
  const Refused cases[] = {
      {"random numbers", [](const Tensor& x) { return x + rand(x.shape()); }, "draws random numbers"},
      {"normal numbers", [](const Tensor& x) { return x + randn(x.shape()); }, "draws random numbers"},
      {"a random order",
       [](const Tensor& x) { return index_select(x, 1, choice(3, {3}, {.replace = false})); },
       "draws random numbers on the host"},
      {"an order of positions",
       [](const Tensor& x) { return x * static_cast<double>(default_generator().permutation(3)[0]); },
       "draws a random order on the host"},
      {"dropout", [](const Tensor& x) { return dropout(x, 0.5); }, "dropout: call eval() first"},
      {"item", [](const Tensor& x) { return x * sum(x).item<double>(); }, "reads elements on the host"},
      {"to_vector", [](const Tensor& x) { return from_vector(x.to_vector<float>(), x.shape()); },
       "reads elements on the host"},
      {"its input", [](const Tensor& x) { return Tensor(x).fill_(0); }, "writes to its input"},
      {"a tensor of values",
       [](const Tensor& x) {
         Tensor y = from_vector(std::vector<float>(6), {2, 3});
         y.slice(0, 0, 1).copy_(x.slice(0, 0, 1));
         return y;
       },
       "writes to a tensor of values of the host"},
      {"what it has read",
       [](const Tensor& x) {
         const Tensor y = x * held;
         held.copy_(y.slice(0, 0, 1).reshape({3}));
         return y;
       },
       "writes to a tensor that it has not computed"},
      {"training",
       [](const Tensor& x) { return batch_norm(x, {}, {}, zeros({3}), ones({3}), {.training = true}); },
       "keeps running statistics (call eval() first)"},
  };
  for (const Refused& refused : cases) {
    SCOPED_TRACE(refused.what);
    expect_throw<ValueError>([&] { traced(refused.f); }, {"trace: the computation", refused.reason});
  }
  // Nothing is traced any more.
  EXPECT_EQ(rand({3}).to_vector<float>().size(), 3u);
}

TEST(Trace, RefusesUpdatesOfTheModel) {
  class Counts final : public Module {
   public:
    std::string_view type_name() const override { return "Counts"; }
    Tensor forward(const Tensor& x) override {
      calls_.copy_(calls_ + 1.0);
      return x * calls_;
    }
    void visit(ModuleVisitor& visitor) override { visitor.buffer("calls", calls_); }

   private:
    Tensor calls_ = zeros({});
  };
  Sequential model;
  model.add("counter", Counts());
  expect_throw<ValueError>([&] { trace(model, {2, 3}); }, {"counter", "writes to its weights or buffers"});
}

TEST(Trace, RefusesWhatIsNotLinearInTheBatch) {
  expect_throw<ValueError>([] { traced([](const Tensor& x) { return x / double(x.dim(0)); }); },
                           {"batches of other sizes are computed otherwise", "any_batch = false"});
  expect_throw<ValueError>(
      [] { traced([](const Tensor& x) { return matmul(x, x.transpose(0, 1)).flatten(); }); },
      {"is 16, 36 and 100 for batches of 2, 3 and 5, which is not linear", "any_batch = false"});
  expect_throw<ValueError>([] { traced([](const Tensor& x) { return x.dim(0) > 2 ? exp(x) : x; }); },
                           {"computed otherwise"});
  expect_throw<ValueError>(
      [] { traced([](const Tensor& x) {
             return x + arange(0, double(x.dim(0))).reshape({-1, 1});
           }); },
      {"computed otherwise"});
  expect_throw<ShapeError>([] { traced([](const Tensor& x) { return x; }, {}); }, {"input x has no axis"});
}

TEST(Trace, SaysThatItTriesOtherBatchesWhereOneFails) {
  const auto flat = [](const Tensor& x) { return x.reshape({6}); };
  expect_throw<ShapeError>([&] { traced(flat); },
                           {"trace tries a batch of 3, as the graph is to take all sizes",
                            "any_batch = false: reshape: 9 elements of [3, 3] do not fit into [6]"});
  // Where the given batch fails, the message is the operation's alone.
  try {
    traced(flat, {2, 4});
    FAIL() << "no exception";
  } catch (const ShapeError& error) {
    EXPECT_STREQ(error.what(), "reshape: 8 elements of [2, 4] do not fit into [6]");
  }
}

TEST(Trace, RefusesResultsAndNamesThatDoNotFit) {
  const auto none = [](const std::vector<Tensor>&) { return std::vector{Tensor()}; };
  expect_throw<ValueError>([&] { trace(none, {{"x", {2, 3}}}); }, {"a result is undefined"});
  const auto same = [](const std::vector<Tensor>& in) { return in; };
  expect_throw<ValueError>(
      [&] {
        trace(same, {{"x", {2, 3}}}, {.outputs = {"a", "b"}});
      },
      {"2 names are given for 1 results"});
  const auto again = [&](const std::vector<Tensor>& in) {
    trace(same, {{"x", {2, 3}}});
    return in;
  };
  expect_throw<ValueError>([&] { trace(again, {{"x", {2, 3}}}); }, {"cannot trace another"});
}

TEST(Trace, AGraphCanBePartOfAnother) {
  for (const Device device : devices()) {
    Sequential model{Linear({.in_features = 3, .out_features = 2})};
    model.to(device);
    const Graph inner = trace(model, {1, 3});
    const Graph outer = trace([&](const std::vector<Tensor>& in) { return std::vector{relu(inner(in[0]))}; },
                              {{"x", {1, 3}}}, {.device = device});
    const Tensor x = randn({4, 3}).to(device);
    expect_same_bits(outer(x), relu(evaluated(model, x)));
  }
}

}  // namespace
}  // namespace dlengine::test

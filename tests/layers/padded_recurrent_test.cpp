// RNN, LSTM and GRU over padded sequences: PyTorch's stored numbers, what padding must not do, and messages.
#include <gtest/gtest.h>

#include <cmath>
#include <memory>

#include "dlengine/core/gradcheck.h"
#include "dlengine/core/ops.h"
#include "tests/golden/golden.h"
#include "tests/graph/graphs.h"
#include "tests/layers/stored_recurrent.h"

namespace dlengine::test {
namespace {

const Golden& golden() {
  static const Golden file("padded.safetensors");
  return file;
}

constexpr RecurrentOptions kBoth{.hidden_size = 2, .num_layers = 2, .bidirectional = true};
const RecurrentRow kRows[] = {
    {"rnn", make_recurrent<RNN>, {.hidden_size = 4}},   {"rnn_both", make_relu_rnn, kBoth},
    {"lstm", make_recurrent<LSTM>, {.hidden_size = 4}}, {"lstm_both", make_recurrent<LSTM>, kBoth},
    {"gru", make_recurrent<GRU>, {.hidden_size = 4}},   {"gru_both", make_recurrent<GRU>, kBoth},
};

Tolerance close_in(DType dtype) { return tolerance(dtype, {.terms = 60, .roundings = 25, .magnitude = 2}); }

class PaddedRecurrent : public testing::TestWithParam<RecurrentRow> {};

TEST_P(PaddedRecurrent, AgreesWithPyTorchWhateverThePadding) {
  const RecurrentRow& row = GetParam();
  for (const Device device : devices()) {
    for (const DType dtype : {DType::f64, DType::f32}) {
      for (const double padding : {0.0, double{NAN}, -double{INFINITY}}) {
        SCOPED_TRACE(to_string(device) + " " + std::string(name(dtype)) + " " + std::to_string(padding));
        const RecurrentRun run{
            .dtype = dtype, .device = device, .time_first = padding != 0, .padding = padding};
        expect_as_stored(golden(), row, run_stored(golden(), row, run), close_in(dtype));
      }
    }
  }
}

TEST_P(PaddedRecurrent, AgreesWithF64InEveryFloatingType) {
  const RecurrentRow& row = GetParam();
  for (const Device device : devices()) {
    for (const DType dtype : {DType::f16, DType::bf16, DType::f32}) {
      SCOPED_TRACE(to_string(device) + " " + std::string(name(dtype)));
      expect_alike(
          run_stored(golden(), row, {.dtype = dtype, .device = device, .rounding = dtype, .padding = 1e4}),
          run_stored(golden(), row, {.dtype = DType::f64, .device = kCpu, .rounding = dtype}),
          close_in(dtype));
    }
  }
}

TEST_P(PaddedRecurrent, IsWhatEachSequenceGivesAlone) {
  RecurrentOptions options = GetParam().options;
  options.input_size = 3;
  const std::unique_ptr<RecurrentLayer> layer = GetParam().make(options);
  layer->to(DType::f64);
  const Tensor x = randn({3, 4, 3}, 0, 1, DType::f64), lengths = from_vector<int32_t>({2, 4, 1}, {3});
  const RecurrentLayer::Output all = layer->run(x, {}, lengths);
  for (int64_t i = 0; i < 3; ++i) {
    const int64_t length = lengths.to_vector<int64_t>()[static_cast<size_t>(i)];
    const RecurrentLayer::Output alone = layer->run(x.slice(0, i, i + 1).slice(1, 0, length));
    expect_close(all.sequence.slice(0, i, i + 1).slice(1, 0, length), to_ndarray(alone.sequence),
                 close_in(DType::f64));
    expect_close(all.state.h.slice(1, i, i + 1), to_ndarray(alone.state.h), close_in(DType::f64));
    const Tensor rest = all.sequence.slice(0, i, i + 1).slice(1, length);
    expect_same(rest, NdArray(rest.shape()));
  }
}

TEST_P(PaddedRecurrent, OfFullLengthsIsAsWithout) {
  for (const Device device : devices()) {
    RecurrentOptions options = GetParam().options;
    for (const bool sequences : {true, false}) {
      options.return_sequences = sequences;
      const std::unique_ptr<RecurrentLayer> layer = GetParam().make(options);
      const Tensor x = randn({3, 4, 3}).to(device);
      const Tensor y = (*layer)(x);
      expect_close(layer->forward(x, full({3}, 4, DType::i64, device)), to_ndarray(y), close_in(DType::f32));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, PaddedRecurrent, testing::ValuesIn(kRows),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(PaddedRecurrent, KeepsTheStateWhereNothingIsRead) {
  for (const Device device : devices()) {
    LSTM layer({.input_size = 2, .hidden_size = 3, .bidirectional = true});
    layer.to(device);
    const Tensor x = randn({2, 4, 2}).to(device);
    const Tensor lengths = from_vector<int64_t>({0, 3}, {2}, device);
    const RecurrentState first{randn({2, 2, 3}).to(device), randn({2, 2, 3}).to(device)};
    const RecurrentLayer::Output output = layer.run(x, first, lengths);
    expect_same(output.state.h.select(1, 0), to_ndarray(first.h.select(1, 0)));
    expect_same(output.state.c.select(1, 0), to_ndarray(first.c.select(1, 0)));
    expect_same(output.sequence.select(0, 0), NdArray({4, 6}));
    expect_same(layer.run(x, {}, lengths).state.h.select(1, 0), NdArray({2, 3}));
    EXPECT_EQ(layer.run(x.slice(0, 0, 0), {}, lengths.slice(0, 0, 0)).sequence.shape(), (Shape{0, 4, 6}));
  }
}

TEST(PaddedRecurrent, GivesTheLastStepOfEachSequence) {
  for (const Device device : devices()) {
    GRU layer({.hidden_size = 3, .num_layers = 2, .bidirectional = true, .return_sequences = false});
    const Tensor x = randn({3, 4, 2}).to(device);
    const Tensor lengths = from_vector<int64_t>({1, 4, 2}, {3}, device);
    const Tensor y = layer.forward(x, lengths), sequence = layer.run(x, {}, lengths).sequence;
    for (int64_t i = 0; i < 3; ++i) {
      const Tensor own = sequence.select(0, i);
      const int64_t last = lengths.select(0, i).item<int64_t>() - 1;
      expect_same(y.select(0, i).slice(0, 0, 3), to_ndarray(own.select(0, last).slice(0, 0, 3)));
      expect_same(y.select(0, i).slice(0, 3), to_ndarray(own.select(0, 0).slice(0, 3)));
    }
  }
}

TEST(PaddedRecurrent, GradientsMatchCentralDifferences) {
  for (const Device device : devices()) {
    for (const RecurrentRow& row : kRows) {
      const std::unique_ptr<RecurrentLayer> layer = row.make(row.options);
      const Tensor x = randn({3, 4, 3}, 0, 1, DType::f64, device).set_requires_grad();
      const Tensor lengths = from_vector<int64_t>({4, 0, 2}, {3}, device);
      layer->infer_shapes(x.shape(), DType::f64, device);
      const auto all = [&](const std::vector<Tensor>& in) {
        const RecurrentLayer::Output output = layer->run(in[0], {}, lengths);
        const Tensor ends =
            output.state.c.defined() ? concat({output.state.h, output.state.c}) : output.state.h;
        return concat({output.sequence.flatten(), ends.flatten()});
      };
      if (row.make == make_relu_rnn) continue;  // has kinks
      EXPECT_TRUE(gradcheck(all, {x}).passed) << row.name;
    }
  }
}

TEST(PaddedRecurrent, MayBeInAGraph) {
  for (const Device device : devices()) {
    LSTM net({.input_size = 2, .hidden_size = 3, .bidirectional = true});
    net.to(device);
    const Graph graph =
        trace([&](const std::vector<Tensor>& in) { return std::vector{net.forward(in[0], in[1])}; },
              {{.name = "x", .shape = {2, 4, 2}}, {.name = "lengths", .shape = {2}, .dtype = DType::i64}},
              {.device = device});
    const Tensor x = randn({3, 4, 2}).to(device), lengths = from_vector<int64_t>({4, 1, 2}, {3}, device);
    const NoGrad no_grad;
    expect_same_bits(graph.run({x, lengths})[0], net.forward(x, lengths));
  }
}

TEST(PaddedRecurrent, PaddingDoesNotLetUnitsGrow) {
  for (const Device device : devices()) {
    RNN layer({.input_size = 1, .hidden_size = 1}, Nonlinearity::relu);
    for (auto& [name, parameter] : layer.named_parameters()) {
      const NoGrad no_grad;
      parameter.fill_(name == "weight_hh_l0" ? 3 : 0.5);  // in 120 steps h would be beyond f32's range
    }
    layer.to(device);
    const auto gradient = [&](int64_t steps) {
      for (Tensor parameter : layer.parameters()) parameter.zero_grad();
      const Tensor x = ones({1, steps, 1}, DType::f32, device);
      sum(layer.forward(x, from_vector<int64_t>({2}, {1}, device))).backward();
      return layer.named_parameters()[1].second.grad().item<float>();
    };
    EXPECT_EQ(gradient(120), gradient(2));
    EXPECT_GT(gradient(2), 0);
  }
}

TEST(PaddedRecurrent, NamesLengthsThatDoNotFit) {
  for (const Device device : devices()) {
    LSTM layer({.input_size = 2, .hidden_size = 3});
    layer.to(device);
    const Tensor x = zeros({2, 4, 2}, DType::f32, device);
    const auto run = [&](const Tensor& lengths) { layer.forward(x, lengths).to_vector<float>(); };
    expect_throw<ShapeError>([&] { run(ones({3}, DType::i64, device)); },
                             {"lstm: need lengths [2], one for each sample, got [3]"});
    expect_throw<ShapeError>([&] { run(ones({2, 1}, DType::i64, device)); }, {"lstm", "[2, 1]"});
    expect_throw<DTypeError>([&] { run(ones({2}, DType::f32, device)); },
                             {"lengths are f32, need i32 or i64"});
    expect_throw<ValueError>([&] { run(full({2}, 5, DType::i64, device)); },
                             {"lengths: index 5 at 0 is outside of 0 .. 4"});
    expect_throw<ValueError>([&] { run(full({2}, -1, DType::i64, device)); }, {"lengths: index -1 at 0"});
    if (device == kCpu) continue;
    expect_throw<DeviceError>([&] { run(ones({2}, DType::i64)); }, {"lstm"});
  }
}

}  // namespace
}  // namespace dlengine::test

// RNN, LSTM and GRU: PyTorch's stored numbers, options, states and messages.
#include "dlengine/layers/recurrent.h"

#include <gtest/gtest.h>

#include "dlengine/core/autograd.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/ops.h"
#include "dlengine/layers/layers.h"
#include "tests/golden/golden.h"
#include "tests/layers/stored_recurrent.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"

namespace dlengine::test {
namespace {

const Golden& golden() {
  static const Golden file("sequences.safetensors");
  return file;
}

const RecurrentRow kRows[] = {
    {"rnn", make_recurrent<RNN>, {.hidden_size = 4}},
    {"rnn_relu", make_relu_rnn, {.input_size = 2, .hidden_size = 3}},
    {"rnn_deep", make_recurrent<RNN>, {.hidden_size = 2, .num_layers = 2, .bidirectional = true}},
    {"lstm", make_recurrent<LSTM>, {.hidden_size = 4}},
    {"lstm_no_bias", make_recurrent<LSTM>, {.hidden_size = 3, .bias = false}},
    {"lstm_deep", make_recurrent<LSTM>, {.hidden_size = 2, .num_layers = 2, .bidirectional = true}},
    {"gru", make_recurrent<GRU>, {.hidden_size = 4}},
    {"gru_no_bias", make_recurrent<GRU>, {.hidden_size = 3, .bias = false}},
    {"gru_deep", make_recurrent<GRU>, {.hidden_size = 2, .num_layers = 2, .bidirectional = true}},
};

Tolerance close_in(DType dtype) { return tolerance(dtype, {.terms = 40, .roundings = 20, .magnitude = 2}); }

class RecurrentGolden : public testing::TestWithParam<RecurrentRow> {};

TEST_P(RecurrentGolden, AgreesWithPyTorch) {
  const RecurrentRow& row = GetParam();
  for (const Device device : devices()) {
    for (const DType dtype : {DType::f64, DType::f32}) {
      for (const bool time_first : {false, true}) {
        SCOPED_TRACE(to_string(device) + " " + std::string(name(dtype)));
        const RecurrentRun run{.dtype = dtype, .device = device, .time_first = time_first};
        expect_as_stored(golden(), row, run_stored(golden(), row, run), close_in(dtype));
      }
    }
  }
}

TEST_P(RecurrentGolden, AgreesWithF64InEveryFloatingType) {
  const RecurrentRow& row = GetParam();
  for (const Device device : devices()) {
    for (const DType dtype : {DType::f16, DType::bf16, DType::f32}) {
      SCOPED_TRACE(to_string(device) + " " + std::string(name(dtype)));
      expect_alike(run_stored(golden(), row, {.dtype = dtype, .device = device, .rounding = dtype}),
                   run_stored(golden(), row, {.dtype = DType::f64, .device = kCpu, .rounding = dtype}),
                   close_in(dtype));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, RecurrentGolden, testing::ValuesIn(kRows),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(Recurrent, HasPyTorchsNamesAndSizes) {
  LSTM layer({.input_size = 3, .hidden_size = 2, .num_layers = 2, .bidirectional = true});
  std::vector<std::string> lines;
  for (const auto& [name, tensor] : layer.named_parameters()) {
    lines.push_back(name + " " + to_string(tensor.shape()));
  }
  EXPECT_EQ(lines, (std::vector<std::string>{
                       "weight_ih_l0 [8, 3]", "weight_hh_l0 [8, 2]", "bias_ih_l0 [8]", "bias_hh_l0 [8]",
                       "weight_ih_l0_reverse [8, 3]", "weight_hh_l0_reverse [8, 2]", "bias_ih_l0_reverse [8]",
                       "bias_hh_l0_reverse [8]", "weight_ih_l1 [8, 4]", "weight_hh_l1 [8, 2]",
                       "bias_ih_l1 [8]", "bias_hh_l1 [8]", "weight_ih_l1_reverse [8, 4]",
                       "weight_hh_l1_reverse [8, 2]", "bias_ih_l1_reverse [8]", "bias_hh_l1_reverse [8]"}));
  GRU plain({.input_size = 3, .hidden_size = 2, .bias = false});
  EXPECT_EQ(plain.parameter_count(), 6 * 3 + 6 * 2);
}

TEST(Recurrent, WeightsStartWithinTheRootOfTheUnits) {
  manual_seed(4);
  GRU layer({.input_size = 3, .hidden_size = 16});
  for (const auto& [name, tensor] : layer.named_parameters()) {
    EXPECT_LE(max(tensor).item<float>(), 0.25f) << name;
    EXPECT_GE(min(tensor).item<float>(), -0.25f) << name;
    EXPECT_GT(max(abs(tensor)).item<float>(), 0.2f) << name;
  }
}

TEST(Recurrent, LastStepIsTheLastOfEachDirection) {
  for (const Device device : devices()) {
    const auto last_of = [&](bool bidirectional, bool batch_first) {
      manual_seed(5);
      const RecurrentOptions options{.input_size = 2,
                                     .hidden_size = 3,
                                     .num_layers = 2,
                                     .bidirectional = bidirectional,
                                     .batch_first = batch_first,
                                     .return_sequences = false};
      GRU layer(options);
      layer.to(device);
      const Tensor x = randn({4, 5, 2}).to(device);
      const Tensor y = layer(x);
      const Tensor sequence = layer.run(x).sequence;
      const int time = batch_first ? 1 : 0;
      Tensor want = sequence.select(time, -1);
      if (bidirectional) {
        want = concat({want.slice(1, 0, 3), sequence.select(time, 0).slice(1, 3)}, 1);
      }
      EXPECT_EQ(y.shape(), want.shape());
      expect_same(y, to_ndarray(want));
    };
    for (const bool batch_first : {false, true}) {
      last_of(false, batch_first);
      last_of(true, batch_first);
    }
  }
}

TEST(Recurrent, GoesOnFromAState) {
  for (const Device device : devices()) {
    manual_seed(6);
    LSTM layer({.input_size = 2, .hidden_size = 3, .num_layers = 2});
    layer.to(DType::f64);
    layer.to(device);
    const Tensor x = randn({4, 6, 2}, 0, 1, DType::f64).to(device);
    const RecurrentLayer::Output whole = layer.run(x);
    const RecurrentLayer::Output begin = layer.run(x.slice(1, 0, 2));
    const RecurrentLayer::Output end = layer.run(x.slice(1, 2), begin.state);
    const Tolerance close = tolerance(DType::f64);
    expect_close(concat({begin.sequence, end.sequence}, 1), to_ndarray(whole.sequence), close);
    expect_close(end.state.h, to_ndarray(whole.state.h), close);
    expect_close(end.state.c, to_ndarray(whole.state.c), close);
    EXPECT_EQ(end.state.c.shape(), (Shape{2, 4, 3}));
  }
}

TEST(Recurrent, DropoutIsBetweenLayersAndInTraining) {
  RNN layer({.input_size = 2, .hidden_size = 64, .num_layers = 2, .dropout = 0.5});
  const Tensor x = randn({2, 3, 2});
  EXPECT_NE(layer(x).to_vector<float>(), layer(x).to_vector<float>());
  layer.eval();
  EXPECT_EQ(layer(x).to_vector<float>(), layer(x).to_vector<float>());
  // The first layer's outputs are dropped, not the result's.
  layer.train();
  const std::vector<float> y = layer(x).to_vector<float>();
  EXPECT_EQ(std::count(y.begin(), y.end(), 0.0f), 0);
}

TEST(Recurrent, DescribesItself) {
  EXPECT_EQ(LSTM({.hidden_size = 8}).description(), "? -> 8");
  EXPECT_EQ(RNN({.input_size = 3, .hidden_size = 8}, Nonlinearity::relu).description(), "3 -> 8, relu");
  EXPECT_EQ(GRU({.input_size = 3,
                 .hidden_size = 8,
                 .num_layers = 2,
                 .bias = false,
                 .dropout = 0.25,
                 .bidirectional = true,
                 .batch_first = false,
                 .return_sequences = false})
                .description(),
            "3 -> 8, 2 layers, bidirectional, dropout 0.25, no bias, time first, last step");
}

TEST(Recurrent, SummaryCountsEveryStep) {
  Sequential net{LSTM({.hidden_size = 3, .num_layers = 2, .bidirectional = true}),
                 Linear({.out_features = 1})};
  const std::vector<SummaryRow> rows = summary_rows(net, {2, 5, 4});
  EXPECT_EQ(rows[0].output, (Shape{2, 5, 6}));
  EXPECT_EQ(rows[0].flops, 2 * 2 * 5 * 2 * 12 * ((4 + 3) + (6 + 3)));
  EXPECT_EQ(rows[1].output, (Shape{2, 5, 1}));
}

TEST(Recurrent, RefusesOptionsThatMakeNoSense) {
  expect_throw<ValueError>([] { LSTM({.input_size = 3}); },
                           {"lstm: need hidden_size >= 1", "got 0, 1 and 3"});
  expect_throw<ValueError>([] { GRU({.hidden_size = 3, .num_layers = 0}); }, {"gru", "got 3, 0 and 0"});
  expect_throw<ValueError>([] { RNN({.hidden_size = 3, .num_layers = 2, .dropout = 1.5}); },
                           {"rnn: need a dropout in [0, 1], got 1.5"});
  expect_throw<ValueError>([] { RNN({.hidden_size = 3, .dropout = 0.5}); },
                           {"rnn: dropout is between layers, and num_layers is 1"});
}

TEST(Recurrent, NamesInputsAndStatesThatDoNotFit) {
  LSTM layer({.input_size = 3, .hidden_size = 2});
  expect_throw<ShapeError>(
      [&] {
        layer(zeros({4, 5, 2}));
      },
      {"LSTM(3 -> 2): lstm: need x [samples, timesteps, 3], got [4, 5, 2]"});
  expect_throw<ShapeError>([&] { layer(zeros({5, 3})); }, {"need x [samples, timesteps, 3], got [5, 3]"});
  expect_throw<ShapeError>([&] { layer(zeros({4, 0, 3})); }, {"[4, 0, 3] have no time step"});
  const RecurrentState state{zeros({2, 4, 2}), {}};
  expect_throw<ShapeError>(
      [&] {
        layer.run(zeros({4, 5, 3}), state);
      },
      {"lstm: need a state h [1, 4, 2]", "got [2, 4, 2]"});
  const RecurrentState cell{{}, zeros({1, 4, 1})};
  expect_throw<ShapeError>(
      [&] {
        layer.run(zeros({4, 5, 3}), cell);
      },
      {"lstm: need a state c [1, 4, 2]", "got [1, 4, 1]"});
  GRU gru({.hidden_size = 2, .batch_first = false});
  expect_throw<ShapeError>([&] { gru(zeros({5, 3})); }, {"gru: need x [timesteps, samples, features]"});
  EXPECT_EQ(gru(zeros({5, 0, 3})).shape(), (Shape{5, 0, 2}));
  expect_throw<DTypeError>([&] { layer(zeros({4, 5, 3}, DType::f64)); }, {"LSTM(3 -> 2)", "f64", "f32"});
}

}  // namespace
}  // namespace dlengine::test

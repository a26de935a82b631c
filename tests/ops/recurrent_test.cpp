// Recurrent cells and sequences.
#include "dlengine/core/ops/recurrent.h"

#include "dlengine/core/autograd.h"
#include "dlengine/core/backend.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/ops/index.h"
#include "dlengine/core/ops/matmul.h"
#include "dlengine/core/ops/reduce.h"
#include "tests/support/devices.h"
#include "tests/support/op_case.h"
#include "tests/support/reference_sequences.h"

namespace dlengine::test {
namespace {

const Shape kStates[] = {{2, 3}, {1, 1}, {3, 7}, {18, 15}};

Shape wide(const Shape& state, int gates) { return {state[0], gates * state[1]}; }

TEST(LstmCell, MatchesDouble) {
  for (const Shape& state : kStates) {
    SCOPED_TRACE(to_string(state));
    check_case(
        {.name = "lstm_cell",
         .inputs = {{.shape = wide(state, 4), .low = -3, .high = 3}, {.shape = state}},
         .op =
             [](const std::vector<Tensor>& in) {
               const RecurrentState after = lstm_cell(in[0], in[1]);
               return stack({after.h, after.c});
             },
         .reference = [](const std::vector<NdArray>& in) { return reference::lstm_cell(in[0], in[1]); },
         .value = {.terms = 4},
         .gradient = {.terms = 8, .roundings = 6}});
  }
}

TEST(GruCell, MatchesDouble) {
  for (const Shape& state : kStates) {
    SCOPED_TRACE(to_string(state));
    check_case(
        {.name = "gru_cell",
         .inputs = {{.shape = wide(state, 3), .low = -2, .high = 2},
                    {.shape = wide(state, 3), .low = -2, .high = 2},
                    {.shape = state}},
         .op = [](const std::vector<Tensor>& in) { return gru_cell(in[0], in[1], in[2]); },
         .reference = [](const std::vector<NdArray>& in) { return reference::gru_cell(in[0], in[1], in[2]); },
         .value = {.terms = 4},
         .gradient = {.terms = 8, .roundings = 6}});
  }
}

TEST(RecurrentCells, GiveTheGradientsThatAreAskedFor) {
  for (const Device device : devices()) {
    Tensor c0 = full({2, 3}, 0.5, DType::f32, device).set_requires_grad();
    const RecurrentState after = lstm_cell(zeros({2, 12}, DType::f32, device), c0);
    sum(after.c).backward();
    expect_same(c0.grad(), std::vector<double>(6, 0.5));  // the forget gate
    Tensor h0 = full({2, 3}, 0.5, DType::f32, device).set_requires_grad();
    const Tensor gates = zeros({2, 9}, DType::f32, device);
    sum(gru_cell(gates, gates, h0)).backward();
    expect_same(h0.grad(), std::vector<double>(6, 0.5));  // the update gate
  }
}

TEST(RecurrentCells, NameSizesAndTypesThatDoNotFit) {
  for (const Device device : devices()) {
    const Tensor state = zeros({2, 3}, DType::f32, device);
    expect_throw<ShapeError>(
        [&] {
          lstm_cell(zeros({2, 9}, DType::f32, device), state);
        },
        {"lstm_cell: need gates [N, 4H] and a state [N, H], got [2, 9] and [2, 3]"});
    expect_throw<ShapeError>(
        [&] {
          gru_cell(zeros({2, 9}, DType::f32, device), zeros({2, 12}, DType::f32, device), state);
        },
        {"gru_cell: need gates [N, 3H]", "got [2, 12] and [2, 3]"});
    expect_throw<DTypeError>(
        [&] {
          lstm_cell(zeros({2, 12}, DType::f64, device), state);
        },
        {"lstm_cell", "f64", "f32"});
    expect_throw<DTypeError>(
        [&] {
          lstm_cell(zeros({2, 12}, DType::i64, device), state);
        },
        {"lstm_cell", "i64", "floating"});
  }
}

struct SequenceRow {
  RecurrentCell cell;
  int64_t steps, samples, units;
  bool bias = true, state = true;
};

const SequenceRow kSequences[] = {
    {RecurrentCell::rnn_tanh, 4, 2, 3}, {RecurrentCell::rnn_tanh, 1, 1, 1, false, false},
    {RecurrentCell::lstm, 4, 2, 3},     {RecurrentCell::lstm, 3, 2, 9, true, false},
    {RecurrentCell::lstm, 1, 1, 1},     {RecurrentCell::lstm, 2, 2, 2, false, true},
    {RecurrentCell::gru, 4, 2, 3},      {RecurrentCell::gru, 3, 2, 9, true, false},
    {RecurrentCell::gru, 1, 1, 1},      {RecurrentCell::gru, 2, 2, 2, false, true},
};

std::string label(const SequenceRow& row, bool reverse) {
  return std::string(name(row.cell)) + " " + to_string(Shape{row.steps, row.samples, row.units}) +
         (reverse ? " reverse" : "");
}

// x, weight, and bias, h and c where the row has them.
std::vector<Input> inputs_of(const SequenceRow& row) {
  const int64_t rows = gates(row.cell) * row.units;
  std::vector<Input> inputs = {{.shape = {row.steps, row.samples, rows}}, {.shape = {rows, row.units}}};
  if (row.bias) inputs.push_back({.shape = {rows}});
  if (row.state) inputs.push_back({.shape = {row.samples, row.units}});
  if (row.state && row.cell == RecurrentCell::lstm) inputs.push_back({.shape = {row.samples, row.units}});
  return inputs;
}

// The inputs in their places; `none` where the row has none.
template <typename T>
std::vector<T> placed(const SequenceRow& row, const std::vector<T>& in, const T& none) {
  const bool c = row.state && row.cell == RecurrentCell::lstm;
  size_t next = 2;
  std::vector<T> all = {in[0], in[1]};
  for (const bool given : {row.bias, row.state, c}) all.push_back(given ? in[next++] : none);
  return all;
}

TEST(Recurrence, MatchesDoubleInBothDirections) {
  for (const SequenceRow& row : kSequences) {
    for (const bool reverse : {false, true}) {
      const RecurrentParams params{.cell = row.cell, .reverse = reverse};
      const double width = static_cast<double>(row.units + 2);
      const auto steps = static_cast<double>(row.steps);
      check_case(
          {.name = label(row, reverse),
           .inputs = inputs_of(row),
           .op =
               [&](const std::vector<Tensor>& given) {
                 const std::vector<Tensor> in = placed(row, given, Tensor());
                 const RecurrentResult result = recurrence(in[0], {in[1], in[2]}, {in[3], in[4]}, params);
                 std::vector<Tensor> all = {result.output, result.last.h.unsqueeze(0)};
                 if (result.last.c.defined()) all.push_back(result.last.c.unsqueeze(0));
                 return concat(all);
               },
           .reference =
               [&](const std::vector<NdArray>& given) {
                 const std::vector<NdArray> in = placed(row, given, NdArray(Shape{0}));
                 return reference::recurrence({in[0], in[1], in[2], in[3], in[4]}, params);
               },
           .value = {.terms = width * steps, .roundings = 3 * steps},
           .gradient = {.terms = 2 * width * steps * static_cast<double>(row.samples),
                        .roundings = 8 * steps}});
      if (HasFailure()) return;
    }
  }
}

TEST(Recurrence, ReluCutsWhatIsBelowZero) {
  for (const Device device : devices()) {
    Tensor x = from_vector<float>({1, -3, 2}, {3, 1, 1}, device).set_requires_grad();
    Tensor weight = full({1, 1}, 0.5, DType::f32, device).set_requires_grad();
    const RecurrentResult result = recurrence(x, {weight, {}}, {}, {.cell = RecurrentCell::rnn_relu});
    expect_same(result.output, {1, 0, 2});
    expect_same(result.last.h, {2});
    result.output.backward(ones({3, 1, 1}, DType::f32, device));
    expect_same(x.grad(), {1, 0, 1});
    expect_same(weight.grad(), {0});
  }
}

TEST(Recurrence, TakesNoSamplesAndNoGradients) {
  for (const Device device : devices()) {
    for (const RecurrentCell cell : {RecurrentCell::rnn_tanh, RecurrentCell::lstm, RecurrentCell::gru}) {
      Tensor weight = ones({2 * gates(cell), 2}, DType::f32, device).set_requires_grad();
      const Tensor x = zeros({3, 0, 2 * gates(cell)}, DType::f32, device);
      const Tensor y = recurrence(x, {weight, {}}, {}, {.cell = cell}).output;
      EXPECT_EQ(y.shape(), (Shape{3, 0, 2}));
      sum(y).backward();
      expect_same(weight.grad(), std::vector<double>(static_cast<size_t>(4 * gates(cell)), 0));

      const Tensor long_x = ones({5, 2, 2 * gates(cell)}, DType::f32, device);
      const RecurrentResult kept = recurrence(long_x, {weight, {}}, {}, {.cell = cell});
      const NoGrad no_grad;  // takes less memory
      const RecurrentResult result = recurrence(long_x, {weight, {}}, {}, {.cell = cell});
      EXPECT_EQ(result.output.to_vector<float>(), kept.output.to_vector<float>());
      EXPECT_FALSE(result.output.requires_grad());
    }
  }
}

// Memory of a forward and a backward pass over a sequence.
int64_t peak_memory(RecurrentCell cell, int64_t steps) {
  Tensor x = rand({steps, 4, 8 * gates(cell)}).set_requires_grad();
  Tensor weight = rand({8 * gates(cell), 8}, -1, 1).set_requires_grad();
  Allocator& allocator = backend_for(kCpu).allocator(0);
  allocator.reset_peak();
  const int64_t before = allocator.stats().in_use;
  const RecurrentResult result = recurrence(x, {weight, {}}, {}, {.cell = cell});
  sum(result.output).backward();
  return allocator.stats().peak - before;
}

TEST(Recurrence, NeedsMemoryInProportionToItsLength) {
  for (const RecurrentCell cell : {RecurrentCell::rnn_tanh, RecurrentCell::lstm, RecurrentCell::gru}) {
    const int64_t shorter = peak_memory(cell, 500), longer = peak_memory(cell, 2000);
    EXPECT_LT(longer, 5 * shorter) << name(cell);
  }
}

TEST(Recurrence, RefusesABackwardPassThroughChangedStates) {
  Tensor weight = ones({1, 1}).set_requires_grad();
  const RecurrentResult result = recurrence(ones({2, 1, 1}), {weight, {}}, {}, {});
  {
    const NoGrad no_grad;
    result.output.detach().zero_();
  }
  expect_throw<AutogradError>([&] { sum(result.output).backward(); }, {"written to between"});
}

TEST(Recurrence, NamesWhatDoesNotFit) {
  for (const Device device : devices()) {
    const auto make = [&](const Shape& shape) { return zeros(shape, DType::f32, device); };
    const Tensor x = make({4, 2, 12}), weight = make({12, 3});
    const RecurrentParams lstm{.cell = RecurrentCell::lstm}, gru{.cell = RecurrentCell::gru};
    expect_throw<ShapeError>(
        [&] {
          recurrence(x, {make({12, 4}), {}}, {}, lstm);
        },
        {"lstm: need weight [4H, H], got [12, 4]"});
    expect_throw<ShapeError>(
        [&] {
          recurrence(make({4, 12}), {weight, {}}, {}, lstm);
        },
        {"lstm: need x [T, N, 12] of one time or more, got [4, 12]"});
    expect_throw<ShapeError>(
        [&] {
          recurrence(make({0, 2, 12}), {weight, {}}, {}, lstm);
        },
        {"one time or more, got [0, 2, 12]"});
    expect_throw<ShapeError>(
        [&] {
          recurrence(x, {weight, make({3})}, {}, lstm);
        },
        {"lstm: need bias [12], got [3]"});
    expect_throw<ShapeError>(
        [&] {
          recurrence(x, {weight, {}}, {make({4, 3}), {}}, lstm);
        },
        {"lstm: need h [2, 3], got [4, 3]"});
    expect_throw<ShapeError>(
        [&] {
          recurrence(x, {weight, {}}, {{}, make({2, 4})}, lstm);
        },
        {"lstm: need c [2, 3], got [2, 4]"});
    expect_throw<ValueError>(
        [&] {
          recurrence(make({4, 2, 9}), {make({9, 3}), {}}, {{}, make({2, 3})}, gru);
        },
        {"gru: only an LSTM begins with a c"});
    expect_throw<DTypeError>(
        [&] {
          recurrence(x.to(DType::f64), {weight, {}}, {}, lstm);
        },
        {"lstm", "f64", "f32"});
  }
}

}  // namespace
}  // namespace dlengine::test

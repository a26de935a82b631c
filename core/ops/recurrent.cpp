// A sequence in one direction: the steps forwards, and back through them.
#include "dlengine/core/ops/recurrent.h"

#include <array>

#include "dlengine/core/autograd.h"
#include "dlengine/core/backend.h"
#include "dlengine/core/check.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/ops/common.h"

namespace dlengine {

namespace {

/// Position i of the first axis of x [L, N, K], off the tape.
Tensor at(const Tensor& x, int64_t i) {
  return {x.storage(),
          x.offset() + i * x.strides()[0],
          {x.shape()[1], x.shape()[2]},
          {x.strides()[1], x.strides()[2]},
          x.dtype()};
}

/// Positions first .. last-1 of the first axis, off the tape.
Tensor range(const Tensor& x, int64_t first, int64_t last) {
  Shape shape = x.shape();
  shape[0] = last - first;
  return {x.storage(), x.offset() + first * x.strides()[0], shape, x.strides(), x.dtype()};
}

/// All rows of a contiguous x [L, N, K] as a matrix, off the tape.
Tensor rows(const Tensor& x) {
  const int64_t columns = x.shape()[2];
  return {x.storage(), x.offset(), {x.shape()[0] * x.shape()[1], columns}, {columns, 1}, x.dtype()};
}

/// Where the steps of a sequence are in its states [T + 2, N, H]: h of time t in slot t + 1, the h that it
/// begins with in the slot before or behind them, and an LSTM's last c at the other end.
struct Order {
  int64_t steps = 0;
  bool reverse = false;

  int64_t time(int64_t step) const { return reverse ? steps - 1 - step : step; }
  int64_t before(int64_t step) const { return reverse ? time(step) + 2 : time(step); }
  int64_t after(int64_t step) const { return time(step) + 1; }
  int64_t first_h() const { return before(0); }
  int64_t last_c() const { return reverse ? 0 : steps + 1; }
  /// The slots that are the operation's result: the outputs, of an LSTM with the last c.
  int64_t result(bool lstm) const { return lstm && reverse ? 0 : 1; }
};

UnaryOp function_of(RecurrentCell cell) {
  return cell == RecurrentCell::rnn_relu ? UnaryOp::relu : UnaryOp::tanh;
}

/// The sequence as its backward pass needs it.
struct Steps {
  RecurrentParams params;
  Order order;
  Tensor weight, bias;
  Tensor states;  // [T + 2, N, H], see Order
  Tensor gates;   // [T, N, 4H]: of every step, after their functions; [1, N, 4H] without a backward pass
  Tensor cells;   // [T, N, H]: c before every step; [2, N, H] without a backward pass; LSTM only

  bool lstm() const { return params.cell == RecurrentCell::lstm; }
  Tensor gates_of(int64_t step) const { return at(gates, step % gates.shape()[0]); }
  Tensor c_before(int64_t step) const { return at(cells, step % cells.shape()[0]); }
  Tensor c_after(int64_t step) const {
    return step + 1 == order.steps ? at(states, order.last_c()) : c_before(step + 1);
  }
  Tensor h_before(int64_t step) const { return at(states, order.before(step)); }
  Tensor h_after(int64_t step) const { return at(states, order.after(step)); }
};

void start(Tensor to, const Tensor& value) { value.defined() ? to.copy_(value.detach()) : to.zero_(); }

Steps make_steps(const Tensor& x, const RecurrentWeights& weights, const RecurrentState& first,
                 const RecurrentParams& params) {
  const int64_t count = x.dim(0), n = x.dim(1), units = weights.weight.dim(1);
  const bool lstm = params.cell == RecurrentCell::lstm;
  const Tensor given[] = {x, weights.weight, weights.bias, first.h, first.c};
  const bool keep = needs_grad(given);
  const auto memory = [&](int64_t length, int64_t width) {
    return empty({length, n, width}, x.dtype(), x.device());
  };
  Steps steps{.params = params,
              .order = {count, params.reverse},
              .weight = dense(weights.weight),
              .bias = weights.bias.defined() ? dense(weights.bias) : Tensor(),
              .states = memory(count + 2, units),
              .gates = gates(params.cell) > 1 ? memory(keep ? count : 1, 4 * units) : Tensor(),
              .cells = lstm ? memory(keep ? count : 2, units) : Tensor()};
  start(at(steps.states, steps.order.first_h()), first.h);
  if (lstm) start(steps.c_before(0), first.c);
  return steps;
}

void run_forward(const Steps& steps, const Tensor& x) {
  Backend& backend = backend_for(x.device());
  const RecurrentCell cell = steps.params.cell;
  Tensor product = empty(at(x, 0).shape(), x.dtype(), x.device()), sum = empty_like(product);
  for (int64_t step = 0; step < steps.order.steps; ++step) {
    const Tensor input = at(x, steps.order.time(step)), h0 = steps.h_before(step);
    Tensor h = steps.h_after(step);
    backend.linear(h0, steps.weight, steps.bias, Activation::none, product);
    if (cell == RecurrentCell::gru) {
      Tensor saved = steps.gates_of(step);
      backend.gru_cell(input, product, h0, saved, h);
      continue;
    }
    backend.binary(BinaryOp::add, input, product, sum);
    if (cell == RecurrentCell::lstm) {
      Tensor saved = steps.gates_of(step), c = steps.c_after(step);
      backend.lstm_cell(sum, steps.c_before(step), saved, c, h);
    } else {
      backend.unary(function_of(cell), sum, h);
    }
  }
}

/// The way back, from the last step to the first.
class BackwardSteps {
 public:
  /// dx: memory for the gradient of x, which is written by run().
  BackwardSteps(const Steps& steps, const Tensor& dy, const Tensor& dx)
      : steps_(steps), backend_(backend_for(dy.device())), dy_(dy), dx_(dx), dproduct_(dx) {
    const auto like = [](const Tensor& x) { return empty(x.shape(), x.dtype(), x.device()); };
    const Tensor state = steps.h_after(0);
    dh_ = like(state);
    carried_ = like(state);
    if (steps.params.cell == RecurrentCell::gru) {
      dproduct_ = like(dx);
      direct_ = like(state);
      through_ = like(state);
    }
    if (steps.lstm()) dc_ = {like(state), like(state)};
  }

  void run(bool first_wanted) {
    if (steps_.lstm()) backend_.copy(at(dy_, steps_.order.reverse ? 0 : steps_.order.steps), dc(last()));
    for (int64_t step = last(); step >= 0; --step) {
      collect_dh(step);
      pass_cell(step);
      if (step > 0 || first_wanted) carry(at(dproduct_, steps_.order.time(step)));
    }
  }

  /// The gradient of every step's product: that of x unless the cell is a GRU.
  const Tensor& dproduct() const { return dproduct_; }
  /// Those of the state that the sequence began with.
  const Tensor& dh_first() const { return carried_; }
  const Tensor& dc_first() { return dc(-1); }

 private:
  int64_t last() const { return steps_.order.steps - 1; }
  /// The gradient of c after the step.
  Tensor& dc(int64_t step) { return dc_[static_cast<size_t>(step + 2) % 2]; }

  // dh_: from the step's output and, through the product, from the step behind it.
  void collect_dh(int64_t step) {
    const Tensor own = at(dy_, steps_.order.after(step) - steps_.order.result(steps_.lstm()));
    if (step == last()) {
      backend_.copy(own, dh_);
    } else {
      backend_.binary(BinaryOp::add, own, carried_, dh_);
    }
  }

  void pass_cell(int64_t step) {
    Tensor dz = at(dx_, steps_.order.time(step));
    if (steps_.lstm()) {
      backend_.lstm_cell_grad(steps_.gates_of(step), steps_.c_before(step), steps_.c_after(step), dh_,
                              dc(step), dz, dc(step - 1));
    } else if (steps_.params.cell == RecurrentCell::gru) {
      Tensor dgh = at(dproduct_, steps_.order.time(step));
      backend_.gru_cell_grad(steps_.gates_of(step), steps_.h_before(step), dh_, dz, dgh, direct_);
    } else {
      backend_.unary_grad(function_of(steps_.params.cell), steps_.h_after(step), dh_, dz);
    }
  }

  void carry(const Tensor& dproduct) {
    if (!direct_.defined()) return backend_.matmul(dproduct, steps_.weight, carried_);
    backend_.matmul(dproduct, steps_.weight, through_);
    backend_.binary(BinaryOp::add, through_, direct_, carried_);
  }

  const Steps& steps_;
  Backend& backend_;
  Tensor dy_, dx_, dproduct_;
  Tensor dh_, carried_;       // [N, H]: of h after the step, and before it
  Tensor direct_, through_;   // GRU: the parts of carried_, past the gates and through the product
  std::array<Tensor, 2> dc_;  // LSTM: after the step and before it, in turns
};

/// Inputs: x, weight, bias, h and c of the beginning.
struct RecurrenceBackward {
  Steps steps;
  Saved weight, states;  // what others might write to

  void operator()(const Tensor& dy, InputGrads& dx) {
    steps.weight = weight.get();
    states.get();
    const Order& order = steps.order;
    const int64_t n = steps.states.shape()[1];
    const Shape gates_shape = {order.steps, n, steps.weight.shape()[0]};
    const Tensor gradient = dx.wants(0) ? dx.buffer(0) : empty(gates_shape, dy.dtype(), dy.device());
    BackwardSteps back(steps, dy, gradient);
    back.run(dx.wants(3));
    if (dx.wants(0)) dx.add(0, gradient);
    if (dx.wants(1) || dx.wants(2)) add_weight_gradients(back.dproduct(), dx);
    if (dx.wants(3)) dx.add(3, back.dh_first());
    if (dx.wants(4)) dx.add(4, back.dc_first());
  }

  // All steps at once.
  void add_weight_gradients(const Tensor& dproduct, InputGrads& dx) {
    const int64_t first = steps.order.reverse ? 2 : 0;
    const Tensor before = range(steps.states, first, first + steps.order.steps);
    Backend::LinearGrads grads;
    if (dx.wants(1)) grads.dweight = dx.buffer(1);
    if (dx.wants(2)) grads.dbias = dx.buffer(2);
    backend_for(dproduct.device()).linear_grad(rows(dproduct), rows(before), steps.weight, grads);
    if (dx.wants(1)) dx.add(1, grads.dweight);
    if (dx.wants(2)) dx.add(2, grads.dbias);
  }
};

void check_sequence(const char* op, const Tensor& x, const RecurrentWeights& weights, int count) {
  const Tensor& some_bias = weights.bias.defined() ? weights.bias : weights.weight;
  check_operands(op, {&x, &weights.weight, &some_bias});
  check_one_floating_type(op, {&x, &weights.weight, &some_bias});
  const Shape& weight = weights.weight.shape();
  check<ShapeError>(weight.rank() == 2 && weight[1] > 0 && weight[0] == count * weight[1],
                    "{}: need weight [{}H, H], got {}", op, count, weight);
  check<ShapeError>(x.rank() == 3 && x.dim(0) > 0 && x.dim(2) == weight[0],
                    "{}: need x [T, N, {}] of one time or more, got {}", op, weight[0], x.shape());
  check<ShapeError>(!weights.bias.defined() || weights.bias.shape() == Shape{weight[0]},
                    "{}: need bias [{}], got {}", op, weight[0], some_bias.shape());
}

void check_state(const char* op, const char* which, const Tensor& state, const Tensor& x, int64_t units) {
  if (!state.defined()) return;
  check_operands(op, {&x, &state});
  check_one_floating_type(op, {&x, &state});
  check<ShapeError>(state.shape() == Shape{x.dim(1), units}, "{}: need {} [{}, {}], got {}", op, which,
                    x.dim(1), units, state.shape());
}

}  // namespace

const char* name(RecurrentCell cell) {
  return cell == RecurrentCell::lstm ? "lstm" : cell == RecurrentCell::gru ? "gru" : "rnn";
}

int gates(RecurrentCell cell) { return cell == RecurrentCell::lstm ? 4 : cell == RecurrentCell::gru ? 3 : 1; }

RecurrentResult recurrence(const Tensor& x, const RecurrentWeights& weights, const RecurrentState& first,
                           const RecurrentParams& params) {
  const char* const op = name(params.cell);
  check_sequence(op, x, weights, gates(params.cell));
  check_state(op, "h", first.h, x, weights.weight.dim(1));
  check_state(op, "c", first.c, x, weights.weight.dim(1));
  const Steps steps = make_steps(x, weights, first, params);
  check<ValueError>(steps.lstm() || !first.c.defined(), "{}: only an LSTM begins with a c", op);
  run_forward(steps, dense(x));
  const int64_t length = x.dim(0), begin = steps.order.result(steps.lstm());
  const Tensor y = record(op, range(steps.states, begin, begin + length + (steps.lstm() ? 1 : 0)),
                          {x, weights.weight, weights.bias, first.h, first.c},
                          RecurrenceBackward{steps, Saved(steps.weight), Saved(steps.states)});
  RecurrentResult result{.output = y, .last = {}};
  if (steps.lstm()) {
    result.output = y.slice(0, 1 - begin, 1 - begin + length);
    result.last.c = y.select(0, steps.order.last_c() - begin);
  }
  result.last.h = result.output.select(0, steps.order.time(length - 1));
  return result;
}

}  // namespace dlengine

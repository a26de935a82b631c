// One step of an LSTM or a GRU.
#include "dlengine/core/autograd.h"
#include "dlengine/core/backend.h"
#include "dlengine/core/check.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/ops/common.h"
#include "dlengine/core/ops/recurrent.h"

namespace dlengine {

namespace {

void check_cell(const char* op, const Tensor& gates, const Tensor& state, int count) {
  check<ShapeError>(
      gates.rank() == 2 && state.rank() == 2 && gates.shape() == Shape{state.dim(0), count * state.dim(1)},
      "{}: need gates [N, {}H] and a state [N, H], got {} and {}", op, count, gates.shape(), state.shape());
}

/// Memory for the gradient of input i, also where nobody wants it.
Tensor gradient_memory(InputGrads& dx, size_t i, const Shape& shape, const Tensor& like) {
  return dx.wants(i) ? dx.buffer(i) : empty(shape, like.dtype(), like.device());
}

void add_wanted(InputGrads& dx, size_t i, const Tensor& gradient) {
  if (dx.wants(i)) dx.add(i, gradient);
}

}  // namespace

RecurrentState lstm_cell(const Tensor& gates, const Tensor& c0) {
  check_operands("lstm_cell", {&gates, &c0});
  check_one_floating_type("lstm_cell", {&gates, &c0});
  check_cell("lstm_cell", gates, c0, 4);
  const Tensor before = dense(c0);
  Tensor both = empty({2, c0.dim(0), c0.dim(1)}, c0.dtype(), c0.device());  // h and c
  Tensor saved = empty(gates.shape(), gates.dtype(), gates.device());
  Tensor h = both.select(0, 0), c = both.select(0, 1);
  backend_for(c0.device()).lstm_cell(dense(gates), before, saved, c, h);
  both = record("lstm_cell", both, {gates, c0},
                [saved = Saved(saved), c0 = Saved(before), c = Saved(c)](const Tensor& dy, InputGrads& dx) {
                  Tensor dgates = gradient_memory(dx, 0, saved.get().shape(), dy);
                  Tensor dc0 = gradient_memory(dx, 1, c0.get().shape(), dy);
                  const Tensor gradients = dense(dy);
                  backend_for(dy.device())
                      .lstm_cell_grad(saved.get(), c0.get(), c.get(), gradients.select(0, 0),
                                      gradients.select(0, 1), dgates, dc0);
                  add_wanted(dx, 0, dgates);
                  add_wanted(dx, 1, dc0);
                });
  return {both.select(0, 0), both.select(0, 1)};
}

Tensor gru_cell(const Tensor& gx, const Tensor& gh, const Tensor& h0) {
  check_operands("gru_cell", {&gx, &gh, &h0});
  check_one_floating_type("gru_cell", {&gx, &gh, &h0});
  check_cell("gru_cell", gx, h0, 3);
  check_cell("gru_cell", gh, h0, 3);
  const Tensor before = dense(h0);
  Tensor h = empty(h0.shape(), h0.dtype(), h0.device());
  Tensor saved = empty({h0.dim(0), 4 * h0.dim(1)}, h0.dtype(), h0.device());
  backend_for(h0.device()).gru_cell(dense(gx), dense(gh), before, saved, h);
  return record("gru_cell", h, {gx, gh, h0},
                [saved = Saved(saved), h0 = Saved(before)](const Tensor& dy, InputGrads& dx) {
                  const Shape three = {h0.get().dim(0), 3 * h0.get().dim(1)};
                  Tensor dgx = gradient_memory(dx, 0, three, dy), dgh = gradient_memory(dx, 1, three, dy);
                  Tensor dh0 = gradient_memory(dx, 2, h0.get().shape(), dy);
                  backend_for(dy.device()).gru_cell_grad(saved.get(), h0.get(), dense(dy), dgx, dgh, dh0);
                  add_wanted(dx, 0, dgx);
                  add_wanted(dx, 1, dgh);
                  add_wanted(dx, 2, dh0);
                });
}

}  // namespace dlengine

// Softmax and cross-entropy.
#include "dlengine/core/ops/softmax.h"

#include "dlengine/core/autograd.h"
#include "dlengine/core/backend.h"
#include "dlengine/core/check.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/ops/common.h"
#include "dlengine/core/ops/elementwise.h"
#include "dlengine/core/ops/reduce.h"

namespace dlengine {

namespace {

/// x [.., C] as rows [N, C], contiguous and off the tape.
Tensor as_rows(const Tensor& x) {
  const int64_t columns = x.dim(-1);
  int64_t rows = 1;
  for (int axis = 0; axis + 1 < x.rank(); ++axis) rows *= x.shape()[axis];
  const Tensor solid = dense(x);
  return {solid.storage(), solid.offset(), {rows, columns}, {columns, 1}, solid.dtype()};
}

Tensor softmax_last(const char* name, const Tensor& x, bool log) {
  Tensor y = empty(x.shape(), x.dtype(), x.device());
  Tensor rows = as_rows(y);
  backend_for(x.device()).softmax(as_rows(x), log, rows);
  return record(name, y, {x}, [log, y = Saved(y.detach())](const Tensor& dy, InputGrads& dx) {
    Tensor gradient = dx.buffer(0);
    Tensor gradient_rows = as_rows(gradient);
    backend_for(dy.device()).softmax_grad(as_rows(y.get()), as_rows(dy), log, gradient_rows);
    dx.add(0, gradient);
  });
}

Tensor softmax_along(const char* name, const Tensor& x, int axis, bool log) {
  check_operands(name, {&x});
  check_one_floating_type(name, {&x});
  axis = normalize_axis(name, axis, x.rank());
  if (axis == x.rank() - 1) return softmax_last(name, x, log);
  return softmax_last(name, x.transpose(axis, -1), log).transpose(axis, -1);
}

/// Labels as the backends take them: i64 classes, or probabilities of the logits' type.
Tensor checked_target(const Tensor& logits, const Tensor& labels) {
  check_operands("cross_entropy", {&logits, &labels});
  check_one_floating_type("cross_entropy", {&logits});
  check<ShapeError>(logits.rank() == 2, "cross_entropy: need logits [N, C], got {}", logits.shape());
  if (labels.shape() == logits.shape() && (is_floating(labels.dtype()) || labels.rank() == 2)) {
    return dense(labels.detach().to(logits.dtype()));
  }
  check<ShapeError>(labels.shape() == Shape{logits.dim(0)},
                    "cross_entropy: need labels [{0}] or [{0}, {1}] for logits {2}, got {3}", logits.dim(0),
                    logits.dim(1), logits.shape(), labels.shape());
  check<DTypeError>(!is_floating(labels.dtype()) && labels.dtype() != DType::boolean,
                    "cross_entropy: labels [N] are classes and must be u8, i32 or i64, got {}",
                    labels.dtype());
  return dense(labels.to(DType::i64));
}

/// A loss of rows of logits, before and after they are reduced.
struct Losses {
  Tensor logits, target;
  Tensor rows, lse;  // [N]

  Losses(const Tensor& x, const Tensor& labels) : logits(dense(x)), target(labels) {
    const DType type = x.dtype() == DType::f64 ? DType::f64 : DType::f32;
    rows = empty({x.dim(0)}, type, x.device());
    lse = empty_like(rows);
    backend_for(x.device()).cross_entropy(logits, target, rows, lse);
  }
};

/// Puts `loss` on the tape, of which every row's loss is a part with the factor `scale`.
Tensor record_loss(const Losses& losses, const Tensor& loss, double scale, const Tensor& x) {
  return record("cross_entropy", loss, {x},
                [logits = Saved(losses.logits), target = Saved(losses.target), lse = losses.lse, scale](
                    const Tensor& dloss, InputGrads& dx) {
                  Tensor gradient = dx.buffer(0);
                  backend_for(dloss.device())
                      .cross_entropy_grad(logits.get(), target.get(), lse, dense(dloss), scale, gradient);
                  dx.add(0, gradient);
                });
}

/// The sum or mean of the rows' losses.
Tensor reduced(ReduceOp op, const Tensor& rows) {
  Tensor total = empty({1}, rows.dtype(), rows.device());
  backend_for(rows.device()).reduce(op, rows, total);
  return {total.storage(), 0, {}, {}, total.dtype()};
}

}  // namespace

Tensor softmax(const Tensor& x, int axis) { return softmax_along("softmax", x, axis, false); }
Tensor log_softmax(const Tensor& x, int axis) { return softmax_along("log_softmax", x, axis, true); }

Tensor cross_entropy(const Tensor& logits, const Tensor& labels, Reduction reduction) {
  const Losses losses(logits, checked_target(logits, labels));
  const int64_t count = logits.dim(0);
  check<ValueError>(reduction != Reduction::mean || count > 0,
                    "cross_entropy: the mean of no rows, logits are {}", logits.shape());
  switch (reduction) {
    case Reduction::none: return record_loss(losses, losses.rows, 1, logits);
    case Reduction::mean:
      return record_loss(losses, reduced(ReduceOp::mean, losses.rows), 1 / static_cast<double>(count),
                         logits);
    case Reduction::sum: return record_loss(losses, reduced(ReduceOp::sum, losses.rows), 1, logits);
  }
  return losses.rows;
}

}  // namespace dlengine

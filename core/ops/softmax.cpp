// Softmax and cross-entropy.
#include "dlengine/core/ops/softmax.h"

#include <cmath>

#include "dlengine/core/autograd.h"
#include "dlengine/core/backend.h"
#include "dlengine/core/check.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/ops/common.h"
#include "dlengine/core/ops/elementwise.h"
#include "dlengine/core/ops/reduce.h"
#include "dlengine/core/shape_rules.h"

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

/// log(sum(exp(x))), with size 1 along the axis; off the tape.
Tensor log_of_sum(const Tensor& x, int axis) {
  const NoGrad no_grad;
  const Shape axes = {axis};
  if (x.dim(axis) == 0) return full(reduced_shape(x.shape(), axes), -INFINITY, x.dtype(), x.device());
  const Tensor largest = max(x, {axes, true});
  const Tensor shift = where(isfinite(largest), largest, 0.0);
  return log(sum(exp(x - shift), {axes, true})) + shift;
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

/// The gradient of a loss. Where it is one loss, that of the logits is known since the forward pass, and only
/// a dloss other than one takes more work.
struct CrossEntropyBackward {
  static constexpr bool kUndefinedIsOne = true;
  Saved logits, target;
  double divisor;
  Tensor for_one;

  void operator()(const Tensor& dloss, InputGrads& dx) {
    if (!dloss.defined()) return dx.add(0, for_one);
    Tensor gradient = dx.buffer(0);
    backend_for(dloss.device())
        .cross_entropy_grad(logits.get(), target.get(), dense(dloss), divisor, gradient);
    dx.add(0, gradient);
  }
};

Tensor cross_entropy_into(const Tensor& totals, const Tensor& logits, const Tensor& labels,
                          Reduction reduction) {
  const Tensor target = checked_target(logits, labels), x = dense(logits);
  const int64_t count = x.dim(0);
  const bool averages = reduction == Reduction::mean || reduction == Reduction::batchmean;
  check<ValueError>(!averages || count > 0, "cross_entropy: the mean of no rows, logits are {}",
                    logits.shape());
  Backend::CrossEntropy result;
  result.loss = empty(reduction == Reduction::none ? Shape{count} : Shape{},
                      x.dtype() == DType::f64 ? DType::f64 : DType::f32, x.device());
  if (averages) result.divisor = static_cast<double>(count);
  if (result.loss.numel() == 1 && needs_grad({&logits, 1})) result.dx = empty_like(x);
  result.totals = totals;
  backend_for(x.device()).cross_entropy(x, target, result);
  return record("cross_entropy", result.loss, {logits},
                CrossEntropyBackward{Saved(x), Saved(target), result.divisor, result.dx});
}

}  // namespace

Tensor softmax(const Tensor& x, int axis) { return softmax_along("softmax", x, axis, false); }
Tensor log_softmax(const Tensor& x, int axis) { return softmax_along("log_softmax", x, axis, true); }

Tensor logsumexp(const Tensor& x, int axis, bool keep_axis) {
  check_operands("logsumexp", {&x});
  check_one_floating_type("logsumexp", {&x});
  axis = normalize_axis("logsumexp", axis, x.rank());
  if (size_of(x.dtype()) == 2) return logsumexp(x.to(DType::f32), axis, keep_axis).to(x.dtype());
  const Tensor y = log_of_sum(x, axis);
  const Tensor recorded =
      record("logsumexp", y, {x}, [x = Saved(x), y = Saved(y.detach())](const Tensor& dy, InputGrads& dx) {
        const Tensor none = equal(y.get(), -INFINITY);  // -infinity has no distance from itself
        dx.add(0, dy * exp(x.get() - where(none, 0.0, y.get())));
      });
  return keep_axis ? recorded : recorded.squeeze(axis);
}

Tensor cross_entropy(const Tensor& logits, const Tensor& labels, Reduction reduction) {
  return cross_entropy_into({}, logits, labels, reduction);
}

Tensor counted_cross_entropy(const Tensor& logits, const Tensor& labels, Reduction reduction,
                             Tensor& totals) {
  check_operands("counted_cross_entropy", {&logits, &totals});
  check<ShapeError>(totals.dtype() == DType::f64 && totals.shape() == Shape{5} && totals.is_contiguous(),
                    "counted_cross_entropy: need totals f64 [5], got {} {}", totals.dtype(), totals.shape());
  check<ValueError>(reduction != Reduction::none,
                    "counted_cross_entropy: need one loss, the mean or the sum");
  return cross_entropy_into(totals, logits, labels, reduction);
}

}  // namespace dlengine

// Losses.
#include "dlengine/layers/loss.h"

#include "dlengine/core/check.h"
#include "dlengine/core/ops/elementwise.h"
#include "dlengine/core/ops/reduce.h"

namespace dlengine {

Tensor CrossEntropyLoss::operator()(const Tensor& logits, const Tensor& labels) const {
  return cross_entropy(logits, labels, reduction_);
}

Tensor CrossEntropyLoss::counted(const Tensor& logits, const Tensor& labels, Tensor& totals) const {
  return counted_cross_entropy(logits, labels, reduction_, totals);
}

Tensor mse_loss(const Tensor& output, const Tensor& target, Reduction reduction) {
  check<ValueError>(output.defined() && target.defined(), "mse_loss: output or target is undefined");
  check<ShapeError>(output.shape() == target.shape(), "mse_loss: output is {}, target is {}; need one shape",
                    output.shape(), target.shape());
  check<DTypeError>(output.dtype() == target.dtype() && is_floating(output.dtype()),
                    "mse_loss: output is {}, target is {}; need one floating type", output.dtype(),
                    target.dtype());
  Tensor squares = square(output - target);
  switch (reduction) {
    case Reduction::none: return squares;
    case Reduction::mean: return mean(squares);
    case Reduction::sum: return sum(squares);
    case Reduction::batchmean: return sum(squares) / static_cast<double>(output.dim(0));
  }
  fail<ValueError>("mse_loss: no such reduction: {}", static_cast<int>(reduction));
}

Tensor MSELoss::operator()(const Tensor& output, const Tensor& target) const {
  return mse_loss(output, target, reduction_);
}

}  // namespace dlengine

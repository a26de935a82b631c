// What several losses need.
#include "dlengine/layers/loss_common.h"

#include "dlengine/core/backend.h"
#include "dlengine/core/check.h"
#include "dlengine/core/ops/common.h"
#include "dlengine/core/ops/elementwise.h"
#include "dlengine/core/ops/index.h"
#include "dlengine/core/ops/reduce.h"

namespace dlengine {

void check_pair(const char* loss, const Tensor& output, const Tensor& target) {
  check<ValueError>(output.defined() && target.defined(), "{}: output or target is undefined", loss);
  check<ShapeError>(output.shape() == target.shape(), "{}: output is {}, target is {}; need one shape", loss,
                    output.shape(), target.shape());
  check<DTypeError>(is_floating(output.dtype()), "{}: output is {}, need a floating type", loss,
                    output.dtype());
}

Tensor reduced(const Tensor& losses, Reduction reduction) {
  switch (reduction) {
    case Reduction::none: return losses;
    case Reduction::mean: return mean(losses);
    case Reduction::sum: return sum(losses);
    case Reduction::batchmean:
      check<ShapeError>(losses.rank() > 0 && losses.dim(0) > 0, "batchmean: need samples, got losses {}",
                        losses.shape());
      return sum(losses) / static_cast<double>(losses.dim(0));
  }
  fail<ValueError>("loss: no such reduction: {}", static_cast<int>(reduction));
}

Tensor class_numbers(const Tensor& labels) {
  return (labels.rank() == 2 ? argmax(labels, 1) : labels.to(DType::i64)).contiguous();
}

Tensor checked_classes(const char* loss, const Tensor& output, const Tensor& labels) {
  check<ValueError>(output.defined() && labels.defined(), "{}: output or labels are undefined", loss);
  check<ShapeError>(output.rank() == 2 && labels.shape() == Shape{output.dim(0)},
                    "{}: need output [N, C] and labels [N], got {} and {}", loss, output.shape(),
                    labels.shape());
  check<DTypeError>(
      is_floating(output.dtype()) && !is_floating(labels.dtype()) && labels.dtype() != DType::boolean,
      "{}: need a floating output and labels that are u8, i32 or i64, got {} and {}", loss, output.dtype(),
      labels.dtype());
  Tensor classes = class_numbers(labels);
  backend_for(classes.device()).check_index(loss, IndexRole::label, classes, output.dim(1));
  return classes;
}

Tensor label_rows(const char* loss, const Tensor& output, const Tensor& labels) {
  if (labels.defined() && labels.rank() == 1) {
    return unit_rows(checked_classes(loss, output, labels), output.dim(1), output.dtype());
  }
  check_pair(loss, output, labels);
  check<ShapeError>(output.rank() == 2, "{}: need output [N, C], got {}", loss, output.shape());
  return labels.detach().to(output.dtype());
}

Tensor weights_of(const char* loss, const Tensor& weight, const Tensor& output, const Tensor& classes) {
  if (!weight.defined()) return {};
  check<ShapeError>(weight.shape() == Shape{output.dim(1)}, "{}: need a weight for each class, [{}], got {}",
                    loss, output.dim(1), weight.shape());
  return index_select(weight.detach().to(output.dtype()), 0, classes);
}

Tensor reduced(const Tensor& losses, const Tensor& weights, Reduction reduction) {
  if (!weights.defined() || reduction != Reduction::mean) return reduced(losses, reduction);
  return sum(losses) / sum(weights).to(losses.dtype());
}

}  // namespace dlengine

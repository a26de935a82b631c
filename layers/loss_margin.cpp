// Losses that are 0 once the answer is right by a margin.
#include "dlengine/layers/loss_margin.h"

#include "dlengine/core/check.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/ops/activation.h"
#include "dlengine/core/ops/common.h"
#include "dlengine/core/ops/elementwise.h"
#include "dlengine/core/ops/index.h"
#include "dlengine/core/ops/reduce.h"
#include "dlengine/layers/loss_common.h"

namespace dlengine {

HingeLoss::HingeLoss(const HingeLossOptions& options) : options_(options) {}

Tensor HingeLoss::operator()(const Tensor& output, const Tensor& target) const {
  check_pair("HingeLoss", output, target);
  const Tensor lack = relu(1 - target.detach().to(output.dtype()) * output);
  return reduced(options_.squared ? square(lack) : lack, options_.reduction);
}

HingeEmbeddingLoss::HingeEmbeddingLoss(const HingeEmbeddingLossOptions& options) : options_(options) {}

Tensor HingeEmbeddingLoss::operator()(const Tensor& output, const Tensor& target) const {
  check_pair("HingeEmbeddingLoss", output, target);
  const Tensor alike = greater(target, scalar(0, target.dtype(), target.device()));
  return reduced(where(alike, output, relu(options_.margin - output)), options_.reduction);
}

MultiMarginLoss::MultiMarginLoss(const MultiMarginLossOptions& options) : options_(options) {}

Tensor MultiMarginLoss::operator()(const Tensor& scores, const Tensor& labels) const {
  const Tensor classes = checked_classes("MultiMarginLoss", scores, labels);
  const Tensor weights = weights_of("MultiMarginLoss", options_.weight, scores, classes);
  const Tensor right = gather(scores, 1, classes.unsqueeze(1));  // [N, 1]
  Tensor lack = relu(options_.margin + (scores - right));
  if (options_.squared) lack = square(lack);
  lack = lack * (1 - unit_rows(classes, scores.dim(1), scores.dtype()));
  Tensor losses = sum(lack, {.axes = {1}}) / static_cast<double>(scores.dim(1));
  if (weights.defined()) losses = losses * weights;
  return reduced(losses, options_.reduction);
}

}  // namespace dlengine

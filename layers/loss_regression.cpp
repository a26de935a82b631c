// Losses of numbers.
#include "dlengine/layers/loss_regression.h"

#include "dlengine/core/check.h"
#include "dlengine/core/ops/activation.h"
#include "dlengine/core/ops/elementwise.h"
#include "dlengine/core/ops/reduce.h"
#include "dlengine/layers/loss_common.h"

namespace dlengine {
namespace {

Tensor difference(const char* loss, const Tensor& output, const Tensor& target) {
  check_pair(loss, output, target);
  check<DTypeError>(output.dtype() == target.dtype(),
                    "{}: output is {}, target is {}; need one floating type", loss, output.dtype(),
                    target.dtype());
  return output - target;
}

/// d^2 / 2 up to delta, then a line.
Tensor huber(const Tensor& distance, double delta) {
  const Tensor near = clip(distance, 0, delta);
  return near * (distance - 0.5 * near);
}

}  // namespace

Tensor mse_loss(const Tensor& output, const Tensor& target, Reduction reduction) {
  return reduced(square(difference("mse_loss", output, target)), reduction);
}

Tensor MSELoss::operator()(const Tensor& output, const Tensor& target) const {
  return mse_loss(output, target, reduction_);
}

Tensor SumOfSquaresLoss::operator()(const Tensor& output, const Tensor& target) const {
  return 0.5 * sum(square(difference("SumOfSquaresLoss", output, target)));
}

Tensor L1Loss::operator()(const Tensor& output, const Tensor& target) const {
  return reduced(abs(difference("L1Loss", output, target)), reduction_);
}

HuberLoss::HuberLoss(const HuberLossOptions& options) : options_(options) {
  check<ValueError>(options.delta > 0, "HuberLoss: need delta > 0, got {}", options.delta);
}

Tensor HuberLoss::operator()(const Tensor& output, const Tensor& target) const {
  const Tensor distance = abs(difference("HuberLoss", output, target));
  return reduced(huber(distance, options_.delta), options_.reduction);
}

SmoothL1Loss::SmoothL1Loss(const SmoothL1LossOptions& options) : options_(options) {
  check<ValueError>(options.beta >= 0, "SmoothL1Loss: need beta >= 0, got {}", options.beta);
}

Tensor SmoothL1Loss::operator()(const Tensor& output, const Tensor& target) const {
  const Tensor distance = abs(difference("SmoothL1Loss", output, target));
  const double beta = options_.beta;
  return reduced(beta == 0 ? distance : huber(distance, beta) / beta, options_.reduction);
}

}  // namespace dlengine

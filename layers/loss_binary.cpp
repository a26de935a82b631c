// Losses of yes and no.
#include "dlengine/layers/loss_binary.h"

#include "dlengine/core/autograd.h"
#include "dlengine/core/check.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/ops/activation.h"
#include "dlengine/core/ops/elementwise.h"
#include "dlengine/layers/loss_common.h"

namespace dlengine {
namespace {

constexpr double kLeastVariance = 1e-12F;  // of PyTorch, which keeps it as a float

/// Composed, the slope of log(0) would be infinite; so the gradient has a bound of its own.
Tensor bounded_cross_entropy(const Tensor& p, const Tensor& t) {
  const auto bounded = [](const Tensor& log_p) {
    return maximum(log_p, scalar(-100, log_p.dtype(), log_p.device()));
  };
  Tensor losses;
  {
    const NoGrad no_grad;
    losses = -(t * bounded(log(p)) + (1 - t) * bounded(log(1 - p)));
  }
  return record("bce_loss", losses, {p}, [p = Saved(p), t = Saved(t)](const Tensor& dy, InputGrads& dx) {
    const Tensor& x = p.get();
    const Tensor variance = maximum(x * (1 - x), scalar(kLeastVariance, x.dtype(), x.device()));
    dx.add(0, dy * (x - t.get()) / variance);
  });
}

}  // namespace

Tensor BCELoss::operator()(const Tensor& probabilities, const Tensor& target) const {
  check_pair("BCELoss", probabilities, target);
  const Tensor t = target.detach().to(probabilities.dtype());
  return reduced(bounded_cross_entropy(probabilities, t), reduction_);
}

BCEWithLogitsLoss::BCEWithLogitsLoss(const BCEWithLogitsOptions& options) : options_(options) {}

Tensor BCEWithLogitsLoss::operator()(const Tensor& logits, const Tensor& target) const {
  check_pair("BCEWithLogitsLoss", logits, target);
  const Tensor t = target.detach().to(logits.dtype());
  Tensor of_ones = t * softplus(-logits);
  if (options_.pos_weight.defined()) of_ones = of_ones * options_.pos_weight.detach().to(logits.dtype());
  check<ShapeError>(of_ones.shape() == logits.shape(),
                    "BCEWithLogitsLoss: pos_weight {} does not fit logits {}",
                    options_.pos_weight.defined() ? options_.pos_weight.shape() : Shape{}, logits.shape());
  return reduced(of_ones + (1 - t) * softplus(logits), options_.reduction);
}

}  // namespace dlengine

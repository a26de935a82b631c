// Losses of distributions over classes.
#include "dlengine/layers/loss_classes.h"

#include <vector>

#include "dlengine/core/check.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/ops/activation.h"
#include "dlengine/core/ops/elementwise.h"
#include "dlengine/core/ops/index.h"
#include "dlengine/core/ops/reduce.h"
#include "dlengine/layers/loss_common.h"

namespace dlengine {

CrossEntropyLoss::CrossEntropyLoss(const CrossEntropyOptions& options) : options_(options) {
  check<ValueError>(options.label_smoothing >= 0 && options.label_smoothing <= 1,
                    "CrossEntropyLoss: need 0 <= label_smoothing <= 1, got {}", options.label_smoothing);
}

/// Every place of logits [N, C, ...] becomes a row.
Tensor CrossEntropyLoss::of_places(const Tensor& logits, const Tensor& labels) const {
  Shape places = logits.shape();
  places.erase(1);
  const bool classes = labels.defined() && !is_floating(labels.dtype());
  check<ShapeError>(
      labels.defined() && labels.shape() == (classes ? places : logits.shape()),
      "CrossEntropyLoss: need logits [N, C, ...] and labels [N, ...] of classes or [N, C, ...], "
      "got {} and {}",
      logits.shape(), labels.defined() ? labels.shape() : Shape{});
  std::vector<int> axes{0};
  for (int axis = 2; axis < logits.rank(); ++axis) axes.push_back(axis);
  axes.push_back(1);
  const Shape rows{places.product(), logits.dim(1)};
  CrossEntropyOptions options = options_;
  if (options.reduction == Reduction::batchmean) options.reduction = Reduction::sum;
  const Tensor losses = CrossEntropyLoss(options)(
      logits.permute(axes).reshape(rows),
      classes ? labels.reshape({places.product()}) : labels.permute(axes).reshape(rows));
  if (options_.reduction == Reduction::none) return losses.reshape(places);
  const bool by_samples = options_.reduction == Reduction::batchmean;
  return by_samples ? losses / static_cast<double>(logits.dim(0)) : losses;
}

/// With ignore_index.
Tensor CrossEntropyLoss::of_kept(const Tensor& logits, const Tensor& labels) const {
  check<DTypeError>(labels.defined() && !is_floating(labels.dtype()),
                    "CrossEntropyLoss: ignore_index needs labels of classes, u8, i32 or i64");
  const Tensor classes = labels.to(DType::i64);
  const Tensor kept =
      not_equal(classes, full({}, double(*options_.ignore_index), DType::i64, labels.device()));
  const Tensor known = where(kept, classes, zeros_like(classes));
  CrossEntropyOptions options = options_;
  options.reduction = Reduction::none;
  options.ignore_index.reset();
  const Tensor losses = CrossEntropyLoss(options)(logits, known);
  const Tensor share = kept.to(losses.dtype());
  const Tensor weights = weights_of("CrossEntropyLoss", options.weight, logits, known);
  return reduced(losses * share, weights.defined() ? share * weights.to(share.dtype()) : share,
                 options_.reduction);
}

// Weights and smoothing make other rows of labels, whose sums need not be 1.
Tensor CrossEntropyLoss::operator()(const Tensor& logits, const Tensor& labels) const {
  const auto& [weight, smoothing, reduction, ignore_index] = options_;
  if (logits.defined() && logits.rank() > 2) return of_places(logits, labels);
  if (ignore_index) return of_kept(logits, labels);
  if (plain()) return cross_entropy(logits, labels, reduction);
  const bool classes = labels.defined() && labels.rank() == 1;
  Tensor rows = label_rows("CrossEntropyLoss", logits, labels);
  rows = rows * (1 - smoothing) + smoothing / static_cast<double>(logits.dim(1));
  if (!weight.defined()) return cross_entropy(logits, rows, reduction);
  check<ShapeError>(weight.shape() == Shape{logits.dim(1)},
                    "CrossEntropyLoss: need a weight for each class, [{}], got {}", logits.dim(1),
                    weight.shape());
  rows = rows * weight.detach().to(logits.dtype());
  if (!classes || reduction != Reduction::mean) return cross_entropy(logits, rows, reduction);
  const Tensor weights = weights_of("CrossEntropyLoss", weight, logits, labels.to(DType::i64));
  return reduced(cross_entropy(logits, rows, Reduction::none), weights, reduction);
}

Tensor CrossEntropyLoss::counted(const Tensor& logits, const Tensor& labels, Tensor& totals) const {
  return counted_cross_entropy(logits, labels, options_.reduction, totals);
}

CategoricalCrossEntropyLoss::CategoricalCrossEntropyLoss(const CategoricalCrossEntropyOptions& options)
    : options_(options) {
  check<ValueError>(options.eps > 0 && options.eps < 0.5,
                    "CategoricalCrossEntropyLoss: need 0 < eps < 0.5, got {}", options.eps);
}

Tensor CategoricalCrossEntropyLoss::operator()(const Tensor& probabilities, const Tensor& labels) const {
  const auto& [guard, eps, reduction] = options_;
  Tensor rows = label_rows("CategoricalCrossEntropyLoss", probabilities, labels);
  const DType dtype = probabilities.dtype() == DType::f64 ? DType::f64 : DType::f32;
  Tensor p = probabilities.to(dtype);
  if (guard == LogGuard::clip) {
    p = clip(p / sum(p, {.axes = {1}, .keep_axes = true}), eps, 1 - eps);
  } else {
    p = p + eps;
  }
  return reduced(-sum(rows.to(dtype) * log(p), {.axes = {1}}), reduction);
}

NLLLoss::NLLLoss(const NLLLossOptions& options) : options_(options) {}

Tensor NLLLoss::operator()(const Tensor& log_probabilities, const Tensor& labels) const {
  const Tensor classes = checked_classes("NLLLoss", log_probabilities, labels);
  const Tensor weights = weights_of("NLLLoss", options_.weight, log_probabilities, classes);
  Tensor losses = -gather(log_probabilities, 1, classes.unsqueeze(1)).squeeze(1);
  if (weights.defined()) losses = losses * weights;
  return reduced(losses, weights, options_.reduction);
}

KLDivLoss::KLDivLoss(const KLDivLossOptions& options) : options_(options) {}

Tensor KLDivLoss::operator()(const Tensor& log_probabilities, const Tensor& target) const {
  check_pair("KLDivLoss", log_probabilities, target);
  const Tensor t = target.detach().to(log_probabilities.dtype());
  if (options_.log_target) return reduced(exp(t) * (t - log_probabilities), options_.reduction);
  const Tensor zero = scalar(0, t.dtype(), t.device());
  const Tensor entropy = where(greater(t, zero), t * log(t), zero);
  return reduced(entropy - t * log_probabilities, options_.reduction);
}

}  // namespace dlengine

// Sums of loss and accuracy with one wait per reading instead of one per step.
#include "dlengine/train/step_log.h"

#include <algorithm>
#include <vector>

#include "dlengine/core/autograd.h"
#include "dlengine/core/backend.h"
#include "dlengine/core/check.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/ops.h"
#include "dlengine/layers/loss_common.h"
#include "dlengine/train/metrics.h"
#include "dlengine/train/trainer.h"

namespace dlengine {
namespace {

bool is_binary(Labels labels) {
  return labels == Labels::probabilities || labels == Labels::logits || labels == Labels::signs;
}

Labels automatic(Labels labels, const Tensor& output, const Tensor& target) {
  const bool alike = target.shape() == output.shape();
  if (output.rank() >= 2 && output.dim(1) > 1) {
    Shape places = output.shape();
    places.erase(1);
    const bool numbers = target.shape() == places && !is_floating(target.dtype());
    const bool rows = output.rank() == 2 && alike && labels == Labels::classes;
    if (numbers || rows) return Labels::classes;
  }
  return alike && is_binary(labels) ? labels : Labels::values;
}

/// What the labels of this batch are counted as.
Labels counted_as(Accuracy accuracy, Labels labels, const Tensor& output, const Tensor& target) {
  switch (accuracy) {
    case Accuracy::automatic: return automatic(labels, output, target);
    case Accuracy::none: return Labels::values;
    case Accuracy::classes:
      check<ShapeError>(
          automatic(Labels::classes, output, target) == Labels::classes,
          "accuracy of classes: need outputs [N, C, ...] and labels [N, ...] of whole numbers or "
          "[N, C], got {} and {} of {}",
          output.shape(), target.shape(), target.dtype());
      return Labels::classes;
    case Accuracy::binary:
      check<ShapeError>(target.shape() == output.shape(),
                        "binary accuracy: need labels shaped like the outputs {}, got {}", output.shape(),
                        target.shape());
      return is_binary(labels) ? labels : Labels::probabilities;
  }
  fail<ValueError>("accuracy: no kind {}", static_cast<int>(accuracy));
}

/// How many outputs are on their label's side, or largest at it, [1] of f64.
Tensor hits_of(Labels labels, const Tensor& output, const Tensor& target) {
  if (labels == Labels::classes)
    return sum(equal(argmax(output, 1), target.to(DType::i64))).to(DType::f64).reshape({1});
  const Tensor hits = binary_hits(output, target,
                                  {.threshold = labels == Labels::probabilities ? 0.5 : 0,
                                   .label_threshold = labels == Labels::signs ? 0 : 0.5});
  return sum(hits).to(DType::f64).reshape({1});
}

/// f32 and f64 are what count_batch() takes.
Tensor as_loss(const Tensor& loss) {
  return loss.dtype() == DType::f64 ? loss.detach() : loss.detach().to(DType::f32);
}

}  // namespace

Metrics Totals::metrics(double seconds) const {
  const double n = samples > 0 ? static_cast<double>(samples) : 1.0;
  return {.loss = loss / n,
          .accuracy = static_cast<double>(hits) / (n * static_cast<double>(std::max<int64_t>(answers, 1))),
          .classes = answers > 0,
          .samples = samples,
          .seconds = seconds};
}

StepLog::StepLog(Device device, Accuracy accuracy)
    : sums_(zeros({5}, DType::f64, device)), accuracy_(accuracy) {}

void StepLog::start(int64_t done, const Totals& before) {
  const NoGrad no_grad;
  const std::vector<double> sums = {before.loss, double(before.hits), double(before.samples), double(done),
                                    0};
  sums_.copy_(from_vector(sums, {5}));
  totals_ = before;
}

Tensor StepLog::loss_of(const LossFunction& loss, const Tensor& output, const Tensor& target) {
  const Labels labels = counted_as(accuracy_, loss.labels(), output, target);
  const bool rows = labels == Labels::classes && output.rank() == 2;
  if (rows) answers_ = 1;
  if (rows && loss.counts()) return loss.counted(output, target, sums_);
  Tensor value = loss(output, target);
  check<ShapeError>(value.numel() == 1, "fit: need a loss of one element, got {}", value.shape());
  const NoGrad no_grad;
  backend_for(sums_.device())
      .count_batch(as_loss(value), output.detach().contiguous(), rows ? class_numbers(target) : Tensor(),
                   sums_);
  if (!rows && labels != Labels::values) {
    answers_ = target.numel() / std::max<int64_t>(output.dim(0), 1);
    Tensor hits = sums_.slice(0, 1, 2);
    hits.copy_(hits + hits_of(labels, output, target));
  }
  return value;
}

bool StepLog::counts(const LossFunction& loss, const Tensor& output, const Tensor& target) const {
  return counted_as(accuracy_, loss.labels(), output, target) != Labels::values;
}

int64_t StepLog::read() {
  const std::vector<double> sums = sums_.to_vector<double>();
  totals_ = {.loss = sums[0],
             .hits = static_cast<int64_t>(sums[1]),
             .samples = static_cast<int64_t>(sums[2]),
             .answers = std::max(answers_, totals_.answers)};
  return static_cast<int64_t>(sums[4]);
}

}  // namespace dlengine

// Sums of loss and accuracy with one wait per reading instead of one per step.
#include "dlengine/train/step_log.h"

#include <utility>
#include <vector>

#include "dlengine/core/autograd.h"
#include "dlengine/core/backend.h"
#include "dlengine/core/check.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/ops.h"
#include "dlengine/layers/loss_common.h"

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

BinaryAccuracyOptions sides(Labels labels) {
  return {.threshold = labels == Labels::probabilities ? 0.5 : 0,
          .label_threshold = labels == Labels::signs ? 0 : 0.5};
}

/// How many, [1] of f64.
Tensor count_of(const Tensor& which) { return sum(which).to(DType::f64).reshape({1}); }

// The sums.
constexpr int64_t kHits = 1, kSamples = 2, kBatchTotals = 5, kBeyond = 5, kMetrics = 6;

/// f32 and f64 are what count_batch() takes.
Tensor as_loss(const Tensor& loss) {
  return loss.dtype() == DType::f64 ? loss.detach() : loss.detach().to(DType::f32);
}

}  // namespace

StepLog::StepLog(Device device, Accuracy accuracy, std::vector<NamedMetric> metrics)
    : sums_(zeros({kMetrics + static_cast<int64_t>(metrics.size())}, DType::f64, device)),
      batch_totals_(part(0, kBatchTotals)),
      accuracy_(accuracy),
      metrics_(std::move(metrics)) {}

void StepLog::start(int64_t done, const Totals& before) {
  const NoGrad no_grad;
  const int64_t beyond = before.classes ? before.answers - before.samples : 0;
  std::vector<double> sums = {before.loss, double(before.hits), double(before.samples), double(done),
                              0,           double(beyond)};
  for (const MetricValue& other : before.others) sums.push_back(other.value);
  sums.resize(static_cast<size_t>(sums_.numel()));
  sums_.copy_(from_vector(sums, sums_.shape()));
  totals_ = before;
}

void StepLog::keep_last_loss() { last_loss_ = zeros({1}, DType::f64, sums_.device()); }

Tensor StepLog::loss_of(const LossFunction& loss, const Tensor& output, const Tensor& target) {
  Tensor value = counted_loss(loss, output, target);
  if (last_loss_.defined()) {
    const NoGrad no_grad;
    last_loss_.copy_(value.detach().reshape({1}));
  }
  add_metrics(output.detach(), target);
  return value;
}

Tensor StepLog::counted_loss(const LossFunction& loss, const Tensor& output, const Tensor& target) {
  const Labels labels = counted_as(accuracy_, loss.labels(), output, target);
  const bool rows = labels == Labels::classes && output.rank() == 2;
  classes_ |= labels != Labels::values;
  if (rows && loss.counts()) return loss.counted(output, target, batch_totals_);
  Tensor value = loss(output, target);
  check<ShapeError>(value.numel() == 1, "fit: need a loss of one element, got {}", value.shape());
  const NoGrad no_grad;
  Tensor classes, ignored;
  if (labels == Labels::classes) classes = rows ? class_numbers(target) : target.to(DType::i64);
  if (classes.defined() && loss.ignore_index()) {
    ignored = equal(classes, full({}, double(*loss.ignore_index()), DType::i64, classes.device()));
    classes = where(ignored, -1, classes);  // which no answer is
  }
  backend_for(sums_.device())
      .count_batch(as_loss(value), output.detach().contiguous(), rows ? classes : Tensor(), batch_totals_);
  if (!rows && labels != Labels::values) {
    add(kHits, count_of(classes.defined() ? equal(argmax(output, 1), classes)
                                          : binary_hits(output, target, sides(labels))));
  }
  const bool several = !rows && labels != Labels::values;
  count_answers(several ? target.numel() - output.dim(0) : 0, ignored);
  return value;
}

/// Adds this batch's, which has `beyond` more answers than samples, some of which may be ignored. The numbers
/// of another batch may be others, as where sequences are padded.
void StepLog::count_answers(int64_t beyond, const Tensor& ignored) {
  if (beyond != 0) add(kBeyond, full({1}, double(beyond), DType::f64, sums_.device()));
  if (ignored.defined()) add(kBeyond, -count_of(ignored));
}

void StepLog::add_metrics(const Tensor& output, const Tensor& target) {
  if (metrics_.empty()) return;
  const NoGrad no_grad;
  std::vector<Tensor> values;
  for (const NamedMetric& metric : metrics_) {
    values.push_back(metric(output, target).to(DType::f64).reshape({1}));
  }
  add(kMetrics, concat(values) * static_cast<double>(output.dim(0)));
}

void StepLog::add(int64_t begin, const Tensor& numbers) {
  Tensor sums = part(begin, numbers.numel());
  sums.copy_(sums + numbers);
}

bool StepLog::counts(const LossFunction& loss, const Tensor& output, const Tensor& target) const {
  return counted_as(accuracy_, loss.labels(), output, target) != Labels::values;
}

int64_t StepLog::read() {
  const std::vector<double> sums = sums_.to_vector<double>();
  const bool classes = classes_ || totals_.classes;
  totals_ = {.loss = sums[0],
             .hits = static_cast<int64_t>(sums[kHits]),
             .samples = static_cast<int64_t>(sums[kSamples]),
             .classes = classes,
             .answers = classes ? static_cast<int64_t>(sums[kSamples] + sums[kBeyond]) : 0};
  for (size_t i = 0; i < metrics_.size(); ++i) {
    totals_.others.push_back({.name = metrics_[i].name(), .value = sums[kMetrics + i]});
  }
  return static_cast<int64_t>(sums[4]);
}

}  // namespace dlengine

// Metrics, composed of tensor operations.
#include "dlengine/train/metrics.h"

#include <algorithm>
#include <array>

#include "dlengine/core/autograd.h"
#include "dlengine/core/check.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/ops.h"
#include "dlengine/core/ops/common.h"
#include "dlengine/layers/loss_common.h"
#include "dlengine/layers/loss_regression.h"

namespace dlengine {
namespace {

/// class_numbers() of labels that fit to the outputs.
Tensor checked_numbers(const char* metric, const Tensor& outputs, const Tensor& labels) {
  if (!labels.defined() || labels.rank() != 2) return checked_classes(metric, outputs, labels);
  check_pair(metric, outputs, labels);
  return class_numbers(labels);
}

Tensor share(const Tensor& hits) { return mean(hits.to(DType::f32)); }

/// As in Keras, the shapes tell which accuracy is meant.
Tensor any_accuracy(const Tensor& outputs, const Tensor& labels) {
  check<ValueError>(outputs.defined() && labels.defined(), "accuracy: outputs or labels are undefined");
  const bool single = outputs.shape() == labels.shape() && (outputs.rank() != 2 || outputs.dim(1) == 1);
  return single ? binary_accuracy(outputs, labels) : accuracy(outputs, labels);
}

Tensor binary(const Tensor& outputs, const Tensor& labels) { return binary_accuracy(outputs, labels); }
Tensor top_5(const Tensor& outputs, const Tensor& labels) { return top_k_accuracy(outputs, labels); }

struct Entry {
  std::string_view name;
  Tensor (*metric)(const Tensor& outputs, const Tensor& labels);
};

constexpr std::array<Entry, 10> kMetrics = {{
    {"accuracy", any_accuracy},
    {"binary_accuracy", binary},
    {"categorical_accuracy", accuracy},
    {"sparse_categorical_accuracy", accuracy},
    {"top_k_categorical_accuracy", top_5},
    {"sparse_top_k_categorical_accuracy", top_5},
    {"mae", mean_absolute_error},
    {"mean_absolute_error", mean_absolute_error},
    {"mse", mean_squared_error},
    {"mean_squared_error", mean_squared_error},
}};

}  // namespace

Tensor accuracy(const Tensor& outputs, const Tensor& labels) {
  const NoGrad no_grad;
  const Tensor classes = checked_numbers("accuracy", outputs, labels);
  return share(equal(argmax(outputs, 1), classes));
}

Tensor top_k_accuracy(const Tensor& outputs, const Tensor& labels, int64_t k) {
  check<ValueError>(k >= 1, "top_k_accuracy: need k >= 1, got {}", k);
  const NoGrad no_grad;
  const Tensor classes = checked_numbers("top_k_accuracy", outputs, labels);
  const TopK best = topk(outputs, std::min(k, outputs.dim(1)), 1);
  return share(any(equal(best.indices, classes.unsqueeze(1)), {.axes = {1}}));
}

Tensor binary_hits(const Tensor& outputs, const Tensor& labels, const BinaryAccuracyOptions& options) {
  check_pair("binary_accuracy", outputs, labels);
  const NoGrad no_grad;
  const auto above = [](const Tensor& x, double bound) {
    return greater(x, scalar(bound, x.dtype(), x.device()));
  };
  const Tensor numbers = is_floating(labels.dtype()) ? labels : labels.to(DType::f32);
  return equal(above(outputs, options.threshold), above(numbers, options.label_threshold));
}

Tensor binary_accuracy(const Tensor& outputs, const Tensor& labels, const BinaryAccuracyOptions& options) {
  const NoGrad no_grad;
  return share(binary_hits(outputs, labels, options));
}

Tensor mean_absolute_error(const Tensor& outputs, const Tensor& labels) {
  const NoGrad no_grad;
  return L1Loss()(outputs, labels);
}

Tensor mean_squared_error(const Tensor& outputs, const Tensor& labels) {
  const NoGrad no_grad;
  return mse_loss(outputs, labels);
}

Tensor confusion_matrix(const Tensor& outputs, const Tensor& labels) {
  const NoGrad no_grad;
  const Tensor classes = checked_numbers("confusion_matrix", outputs, labels);
  const int64_t count = outputs.dim(1);
  const Tensor were = unit_rows(classes, count, DType::f64);
  const Tensor said = unit_rows(argmax(outputs, 1), count, DType::f64);
  return matmul(were.transpose(0, 1), said).to(DType::i64);
}

std::vector<std::string_view> metric_names() {
  std::vector<std::string_view> names;
  for (const Entry& entry : kMetrics) names.push_back(entry.name);
  return names;
}

Metric make_metric(std::string_view name) {
  for (const Entry& entry : kMetrics) {
    if (entry.name == name) return entry.metric;
  }
  fail<ValueError>("make_metric: there are {}, not '{}'", fmt::join(metric_names(), ", "), name);
}

}  // namespace dlengine

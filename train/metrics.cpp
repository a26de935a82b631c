// Metrics, composed of tensor operations.
#include "dlengine/train/metrics.h"

#include <algorithm>
#include <array>
#include <set>

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
  MonitorMode mode = MonitorMode::max;
};

constexpr std::array<Entry, 10> kMetrics = {{
    {"accuracy", any_accuracy},
    {"binary_accuracy", binary},
    {"categorical_accuracy", accuracy},
    {"sparse_categorical_accuracy", accuracy},
    {"top_k_categorical_accuracy", top_5},
    {"sparse_top_k_categorical_accuracy", top_5},
    {"mae", mean_absolute_error, MonitorMode::min},
    {"mean_absolute_error", mean_absolute_error, MonitorMode::min},
    {"mse", mean_squared_error, MonitorMode::min},
    {"mean_squared_error", mean_squared_error, MonitorMode::min},
}};

const Entry& entry_of(std::string_view name) {
  for (const Entry& entry : kMetrics) {
    if (entry.name == name) return entry;
  }
  fail<ValueError>("make_metric: there are {}, not '{}'", fmt::join(metric_names(), ", "), name);
}

/// The columns that a table of epochs has anyway.
constexpr std::array<std::string_view, 6> kTaken = {"loss", "accuracy", "epoch",
                                                    "lr",   "seconds",  "samples_per_second"};

bool fits_table(const std::string& name) {
  const auto is_special = [](unsigned char c) { return c < ' ' || c == ',' || c == '"' || c == 127; };
  return !name.empty() && std::none_of(name.begin(), name.end(), is_special);
}

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

Metric make_metric(std::string_view name) { return entry_of(name).metric; }

NamedMetric::NamedMetric(std::string_view name)
    : name_(name), replayable_(true), mode_(entry_of(name).mode), function_(entry_of(name).metric) {}

Tensor NamedMetric::operator()(const Tensor& outputs, const Tensor& labels) const {
  const NoGrad no_grad;
  try {
    Tensor value = function_(outputs, labels);
    check<ValueError>(value.defined(), "the result is undefined");
    check<ShapeError>(value.numel() == 1, "need a result of one element, got {}", value.shape());
    return value;
  } catch (Error& error) {
    error.add_context("metric '" + name_ + "'");
    throw;
  }
}

void check_names(const std::vector<NamedMetric>& metrics) {
  std::set<std::string_view> names;
  for (const NamedMetric& metric : metrics) {
    const std::string& name = metric.name();
    check<ValueError>(fits_table(name),
                      "metrics: a name without commas, quotes and line breaks is needed, not '{}'", name);
    check<ValueError>(std::find(kTaken.begin(), kTaken.end(), name) == kTaken.end(),
                      "metrics: '{}' is reported without being asked for{}; a metric needs another name",
                      name, name == "accuracy" ? ", as TrainerOptions::accuracy says" : "");
    check<ValueError>(!name.starts_with("val_"),
                      "metrics: '{}' begins as a number of the validation data does", name);
    check<ValueError>(names.insert(name).second, "metrics: '{}' is given twice", name);
  }
}

std::vector<std::string> names_of_metrics(const std::vector<NamedMetric>& metrics) {
  std::vector<std::string> names;
  for (const NamedMetric& metric : metrics) names.push_back(metric.name());
  return names;
}

}  // namespace dlengine

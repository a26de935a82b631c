// Metrics: how good outputs are, in a number that nothing is trained by. They are computed on the device and
// off the tape. Throws ValueError for undefined tensors and for no samples, ShapeError, DTypeError.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "dlengine/core/tensor.h"
#include "dlengine/train/monitor.h"
#include "dlengine/train/replayable.h"

namespace dlengine {

/// Share of the rows of outputs [N, C] whose largest element is the class's: labels are classes [N] (u8, i32
/// or i64) or rows [N, C], one-hot or soft. [] f32.
Tensor accuracy(const Tensor& outputs, const Tensor& labels);

/// Share of the rows whose class is among the k largest elements; of equal ones the first count. k above C is
/// C. [] f32. Throws ValueError, too, unless k >= 1.
Tensor top_k_accuracy(const Tensor& outputs, const Tensor& labels, int64_t k = 5);

struct BinaryAccuracyOptions {
  double threshold = 0.5;        // outputs above it say yes; 0 for logits
  double label_threshold = 0.5;  // so do labels above it; 0 for labels of -1 and 1
};
/// Share of the single outputs that are on their label's side; labels are shaped like them. [] f32.
Tensor binary_accuracy(const Tensor& outputs, const Tensor& labels,
                       const BinaryAccuracyOptions& options = {});
/// Which outputs those are: bool, of their shape.
Tensor binary_hits(const Tensor& outputs, const Tensor& labels, const BinaryAccuracyOptions& options = {});

/// Means over all elements of outputs and labels of one shape and type. [] of that type.
Tensor mean_absolute_error(const Tensor& outputs, const Tensor& labels);
Tensor mean_squared_error(const Tensor& outputs, const Tensor& labels);

/// How many samples of each class (row) were taken for each class (column): i64 [C, C], of no samples all 0;
/// labels as for accuracy(). Throws ValueError, too, for a class out of range (on a GPU when the result is
/// next read).
Tensor confusion_matrix(const Tensor& outputs, const Tensor& labels);

using Metric = std::function<Tensor(const Tensor& outputs, const Tensor& labels)>;

/// A metric by Keras's name: "accuracy", which is binary for labels shaped like [N, 1] outputs and else that
/// of classes, "binary_accuracy", "categorical_accuracy", "sparse_categorical_accuracy",
/// "top_k_categorical_accuracy", "sparse_top_k_categorical_accuracy" (k = 5), "mae" or "mean_absolute_error",
/// "mse" or "mean_squared_error". Throws ValueError that lists the names.
Metric make_metric(std::string_view name);
/// The names.
std::vector<std::string_view> metric_names();

/// top_k_accuracy() and binary_accuracy() as objects that keep their options.
struct TopKAccuracy {
  static constexpr bool kReplayable = true;
  static constexpr MonitorMode kMode = MonitorMode::max;
  int64_t k = 5;
  Tensor operator()(const Tensor& outputs, const Tensor& labels) const {
    return top_k_accuracy(outputs, labels, k);
  }
};
struct BinaryAccuracy {
  static constexpr bool kReplayable = true;
  static constexpr MonitorMode kMode = MonitorMode::max;
  BinaryAccuracyOptions options = {};
  Tensor operator()(const Tensor& outputs, const Tensor& labels) const {
    return binary_accuracy(outputs, labels, options);
  }
};

/// A metric of a Trainer. By Keras's name or, under a name of one's own, any function or object that is
/// called as a Metric and gives one element, the mean over the batch:
///
///   {.metrics = {"mae", {"top_3", TopKAccuracy{3}}, {"logits", BinaryAccuracy{{.threshold = 0}}},
///                {"largest", [](const Tensor& y, const Tensor&) { return max(y); }}}}
///
/// It gets labels as they are, also those of an ignore_index: to the library's metrics of classes that is a
/// class as any other, and where the outputs do not have it, as -100, they throw ValueError; a metric of
/// one's own may leave it out. It is computed off the tape and, where steps are replayed, recorded with them:
/// host code runs in the first steps alone, and a metric that reads elements on the host keeps all steps from
/// being replayed. So does, as a loss does, an object that does not say kReplayable = true, unless the
/// trainer is told Replay::always.
class NamedMetric {
 public:
  /// Throws as make_metric().
  NamedMetric(std::string_view name);                                            // NOLINT: implicit
  NamedMetric(const char* name) : NamedMetric(std::string_view(name)) {}         // NOLINT: implicit
  NamedMetric(const std::string& name) : NamedMetric(std::string_view(name)) {}  // NOLINT: implicit
  template <typename F>
  requires std::is_invocable_r_v<Tensor, F&, const Tensor&, const Tensor&> NamedMetric(std::string name,
                                                                                       F metric)
      : name_(std::move(name)),
        replayable_(says_replayable<F>()),
        mode_(mode_of<F>()),
        function_(std::move(metric)) {}

  const std::string& name() const { return name_; }
  /// F::kReplayable, or false where there is none. True for the library's.
  bool replayable() const { return replayable_; }
  /// F::kMode, or automatic, which stands for unknown.
  MonitorMode mode() const { return mode_; }
  /// The value of a batch: one element. Throws ShapeError unless it is that; errors name the metric.
  Tensor operator()(const Tensor& outputs, const Tensor& labels) const;

 private:
  template <typename F>
  static constexpr MonitorMode mode_of() {
    if constexpr (requires { F::kMode; }) return F::kMode;
    return MonitorMode::automatic;
  }

  std::string name_;
  bool replayable_;
  MonitorMode mode_;
  Metric function_;
};

/// Throws ValueError for a name that a table of epochs cannot have: empty, given twice, with a comma, a quote
/// or a control character, "loss", "accuracy" or another one of its own, or with "val_" before it.
void check_names(const std::vector<NamedMetric>& metrics);
std::vector<std::string> names_of_metrics(const std::vector<NamedMetric>& metrics);

}  // namespace dlengine

// Metrics: how good outputs are, in a number that nothing is trained by. They are computed on the device and
// off the tape. Throws ValueError for undefined tensors and for no samples, ShapeError, DTypeError.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "dlengine/core/tensor.h"

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

}  // namespace dlengine

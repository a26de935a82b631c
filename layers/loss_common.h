// Internal: what several losses need.
#pragma once

#include "dlengine/core/ops/softmax.h"
#include "dlengine/core/tensor.h"

namespace dlengine {

/// Throws ValueError for undefined tensors, ShapeError unless output and target have one shape: nothing is
/// broadcast, as [N, 1] against [N] is a mistake that would train. DTypeError unless output is floating.
void check_pair(const char* loss, const Tensor& output, const Tensor& target);

/// The losses of single elements or rows, reduced. Throws ValueError for the mean of nothing.
Tensor reduced(const Tensor& losses, Reduction reduction);

/// The class of each sample, i64 [N], of labels that are classes [N] or rows [N, C], whose largest element
/// counts. Nothing is checked.
Tensor class_numbers(const Tensor& labels);

/// The same of classes [N], u8, i32 or i64, for output [N, C]. Throws ShapeError, DTypeError; ValueError for
/// a class out of range.
Tensor checked_classes(const char* loss, const Tensor& output, const Tensor& labels);

/// Probabilities [N, C] of the output's type: labels [N] as one-hot rows, labels [N, C] as they are; off the
/// tape. Throws ShapeError, DTypeError; ValueError for a class out of range.
Tensor label_rows(const char* loss, const Tensor& output, const Tensor& labels);

/// The weight of each label's class, [N] of the output's type; an undefined weight is undefined again. Throws
/// ShapeError unless weight is [C].
Tensor weights_of(const char* loss, const Tensor& weight, const Tensor& output, const Tensor& classes);

/// reduced(), where mean divides by the sum of the rows' weights, if there are some, as in PyTorch.
Tensor reduced(const Tensor& losses, const Tensor& weights, Reduction reduction);

}  // namespace dlengine

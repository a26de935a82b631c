// Order along an axis. NaN counts as largest; equal elements stay in the order in which they came.
//
// Types: numeric. Throws ShapeError, DTypeError.
#pragma once

#include <cstdint>

#include "dlengine/core/tensor.h"

namespace dlengine {

/// The elements of every line along the axis in rising (falling) order. Grads: x.
Tensor sort(const Tensor& x, int axis = -1, bool descending = false);
/// Their positions, i64: gather(x, axis, argsort(x, axis)) is sort(x, axis). No gradient.
Tensor argsort(const Tensor& x, int axis = -1, bool descending = false);

struct TopK {
  Tensor values;   // size k along the axis, the best first. Grads: x
  Tensor indices;  // i64
};
/// The k largest (smallest) elements of every line. Throws ValueError for k beyond the axis.
TopK topk(const Tensor& x, int64_t k, int axis = -1, bool largest = true);

}  // namespace dlengine

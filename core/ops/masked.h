// Elements that a mask of bool names.
#pragma once

#include "dlengine/core/tensor.h"

namespace dlengine {

/// `value` where the mask is true, else x: where(mask, value, x), with a mask that broadcasts to x's shape.
/// Types: numeric; integers become f32 where the value is not whole. Grads: x. Throws ShapeError, DTypeError,
/// DeviceError.
Tensor masked_fill(const Tensor& x, const Tensor& mask, double value);

// How many elements there are is read on the host, so these cannot be part of a recorded step or a graph.

/// The elements of x where the mask is true, in row-major order: [K]. Both broadcast. Types: any. Grads: x.
/// Throws ShapeError, DTypeError, DeviceError.
Tensor masked_select(const Tensor& x, const Tensor& mask);
/// The positions of all elements that are not 0, a row for each (NaN is not 0), in row-major order: i64
/// [K, rank], as PyTorch's; NumPy has the columns as vectors. Types: any. No gradient.
Tensor nonzero(const Tensor& x);

}  // namespace dlengine

// Picking elements by position, and joining tensors.
#pragma once

#include <vector>

#include "dlengine/core/tensor.h"

namespace dlengine {

/// Slices index[0], index[1], ... of an axis: y has size K = index.dim(0) there. index: i32 or i64 [K], 0 <=
/// index < size. Types: any. Grads: x. Throws ShapeError, DTypeError; ValueError for a position out of range.
Tensor index_select(const Tensor& x, int axis, const Tensor& index);

/// y[i][j] = x[i][index[i][j]] for axis 1, alike for others. index: i64, x's rank, no larger than x on the
/// other axes. Types: any. Grads: x. Throws as index_select.
Tensor gather(const Tensor& x, int axis, const Tensor& index);

/// x with source[i][j] added at y[i][index[i][j]], for axis 1; alike for others. Elements that meet at one
/// place are added in the order of the index. index: i64 or i32, shaped like source; as that of gather, whose
/// gradient this is. Types: floating, one type. Grads: x, source. Throws as index_select; DeviceError.
Tensor scatter_add(const Tensor& x, int axis, const Tensor& index, const Tensor& source);
/// The same with source's elements in place of x's. Of elements that meet at one place the last one along the
/// axis stays, as in NumPy; the others get no gradient. The index is sorted for that. Types: any, one type.
Tensor scatter(const Tensor& x, int axis, const Tensor& index, const Tensor& source);
/// The same with a number in all places, which is taken as where() takes it. Grads: x.
Tensor scatter(const Tensor& x, int axis, const Tensor& index, double value);

/// Classes [..] (integers) -> [.., classes] with a 1 at each class. No gradient. Throws DTypeError;
/// ValueError for a class out of range (on a GPU when the result is next read).
Tensor one_hot(const Tensor& labels, int64_t classes, DType dtype = DType::f32);

/// Joins tensors along an axis; they agree in type, device and every other axis. Types: any. Grads: all.
/// Throws ShapeError, DTypeError, DeviceError; ValueError for an empty list.
Tensor concat(const std::vector<Tensor>& parts, int axis = 0);
/// Joins tensors of one shape along a new axis. Grads: all.
Tensor stack(const std::vector<Tensor>& parts, int axis = 0);

}  // namespace dlengine

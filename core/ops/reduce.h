// Sums, means, extremes and their positions.
#pragma once

#include <cstdint>

#include "dlengine/core/tensor.h"

namespace dlengine {

/// Which axes a reduction removes. Negative axes count from the end.
struct ReduceOptions {
  Shape axes = {};         // empty: all of them
  bool keep_axes = false;  // leave reduced axes with size 1
};

/// Types: numeric; u8, i32 and bool sum in i64 and give i64, 16-bit floats sum in f32. Grads: x. The sum of
/// nothing is 0.
Tensor sum(const Tensor& x, const ReduceOptions& options = {});
/// Product: as sum, but floats are multiplied in f64, in pairs, and that of nothing is 1. The gradient is
/// right where elements are 0, too, as nothing is divided.
Tensor prod(const Tensor& x, const ReduceOptions& options = {});
/// Types: any; integers and bool give f32. Grads: x. Throws ValueError for a mean of nothing.
Tensor mean(const Tensor& x, const ReduceOptions& options = {});
/// Largest element; NaN wins. Equal largest elements share the gradient evenly. Throws ValueError for an
/// empty axis.
Tensor max(const Tensor& x, const ReduceOptions& options = {});
Tensor min(const Tensor& x, const ReduceOptions& options = {});

struct VarOptions {
  Shape axes = {};         // empty: all of them
  bool keep_axes = false;  // leave reduced axes with size 1
  int64_t correction = 0;  // divides by n - correction: 0 as NumPy, 1 (the unbiased estimate) as PyTorch
};
/// Mean squared distance from the mean. Types: any, as mean. Grads: x. Throws ValueError unless n >
/// correction.
Tensor var(const Tensor& x, const VarOptions& options = {});
/// Its root, numpy.std; the gradient is not finite where that is 0.
Tensor stddev(const Tensor& x, const VarOptions& options = {});

/// x[0] + .. + x[i] along an axis, or with reverse x[i] + .. + x[last]. Types and Grads as sum.
Tensor cumsum(const Tensor& x, int axis = -1, bool reverse = false);

/// x[0] * .. * x[i] along an axis, in about log2 of its size passes. Types and Grads as prod.
Tensor cumprod(const Tensor& x, int axis = -1);

/// Whether any element, or all, are not 0: bool, and no gradient. Of nothing: false, and true.
Tensor any(const Tensor& x, const ReduceOptions& options = {});
Tensor all(const Tensor& x, const ReduceOptions& options = {});

/// Index (i64) of the first largest element along an axis; NaN counts as largest. No gradient.
Tensor argmax(const Tensor& x, int axis = -1, bool keep_axis = false);
Tensor argmin(const Tensor& x, int axis = -1, bool keep_axis = false);

}  // namespace dlengine

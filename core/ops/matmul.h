// Matrix products.
#pragma once

#include <vector>

#include "dlengine/core/op_params.h"
#include "dlengine/core/tensor.h"

namespace dlengine {

/// a [.., M, K] times b [.., K, N] -> [.., M, N]; batch axes broadcast. A vector a [K] counts as a row, b [K]
/// as a column, and that axis is dropped from the result, as in NumPy. Transposed views are multiplied
/// without a copy. Types: floating, one type; 16-bit floats sum in f32. Integers of any types give i64; they
/// are meant for small products, for large ones convert to f64, which is exact up to 2^53. Grads: a, b.
/// Throws ShapeError, DTypeError, DeviceError.
Tensor matmul(const Tensor& a, const Tensor& b);

/// NumPy's dot: the product of two vectors, of two matrices, of numbers and tensors; else the last axis of a
/// is summed with the only one of b, or with its last but one. Types, Grads and Throws as matmul; a number:
/// as mul.
Tensor dot(const Tensor& a, const Tensor& b);
/// Sums over pairs of axes: the last ones of a with the first ones of b, or axes_a[i] with axes_b[i]. The
/// other axes follow each other, those of a first. Types, Grads and Throws as matmul.
Tensor tensordot(const Tensor& a, const Tensor& b, int axes = 2);
Tensor tensordot(const Tensor& a, const Tensor& b, const std::vector<int>& axes_a,
                 const std::vector<int>& axes_b);
/// a[i] * b[j] of all elements -> [elements of a, elements of b]. Types, Grads: as mul.
Tensor outer(const Tensor& a, const Tensor& b);

/// x [.., I] times weight [O, I] transposed, plus bias [O] (or undefined), with the ending -> [.., O]. Types
/// and Grads as matmul; bias too.
Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias = {}, const Ending& ending = {});

}  // namespace dlengine

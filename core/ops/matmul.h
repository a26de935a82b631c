// Matrix products.
#pragma once

#include "dlengine/core/op_params.h"
#include "dlengine/core/tensor.h"

namespace dlengine {

/// a [.., M, K] times b [.., K, N] -> [.., M, N]; batch axes broadcast. A vector a [K] counts as a row, b [K]
/// as a column, and that axis is dropped from the result, as in NumPy. Transposed views are multiplied
/// without a copy. Types: floating, one type; 16-bit floats sum in f32. Grads: a, b. Throws ShapeError,
/// DTypeError, DeviceError.
Tensor matmul(const Tensor& a, const Tensor& b);

/// x [.., I] times weight [O, I] transposed, plus bias [O] (or undefined), with the ending -> [.., O]. Types
/// and Grads as matmul; bias too.
Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias = {}, const Ending& ending = {});

}  // namespace dlengine

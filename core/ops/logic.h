// Boolean logic, and whether elements are nearly equal.
//
// Operands broadcast by NumPy's rule and must be on one device. Results are bool and have no gradient. Throws
// ShapeError, DTypeError, DeviceError.
#pragma once

#include "dlengine/core/tensor.h"

namespace dlengine {

// Types: any; what is not 0 is true, NaN too.
Tensor logical_and(const Tensor& a, const Tensor& b);
Tensor logical_or(const Tensor& a, const Tensor& b);
Tensor logical_xor(const Tensor& a, const Tensor& b);
Tensor logical_not(const Tensor& x);

// The same for masks: greater(x, 0) & less(x, 1). Types: bool; there are no operations on the bits of
// numbers.
Tensor operator&(const Tensor& a, const Tensor& b);
Tensor operator|(const Tensor& a, const Tensor& b);
Tensor operator^(const Tensor& a, const Tensor& b);
Tensor operator~(const Tensor& x);

/// |a - b| <= atol + rtol * |b|, computed in f64. Infinities are close to themselves, and NaN to NaN with
/// equal_nan. Types: any. Throws ValueError for tolerances below 0.
Tensor isclose(const Tensor& a, const Tensor& b, double rtol = 1e-5, double atol = 1e-8,
               bool equal_nan = false);
/// Whether that holds for all elements. Read on the host, so it cannot be part of a recorded step or a graph.
bool allclose(const Tensor& a, const Tensor& b, double rtol = 1e-5, double atol = 1e-8,
              bool equal_nan = false);

}  // namespace dlengine

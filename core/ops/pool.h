// Pooling of images [N, C, H, W] -> [N, C, P, Q]. Output sizes: core/shape_rules.h. Types: floating.
#pragma once

#include "dlengine/core/op_params.h"
#include "dlengine/core/tensor.h"

namespace dlengine {

/// Largest pixel of each window; padding never wins. Grads: x, to the first largest pixel of a window in
/// row-major order. Throws ShapeError, DTypeError, ValueError.
Tensor max_pool2d(const Tensor& x, const Pool2dParams& params);
/// Mean of each window. Grads: x. Throws ShapeError, DTypeError, ValueError.
Tensor avg_pool2d(const Tensor& x, const Pool2dParams& params);
/// Mean of each channel: [N, C, H, W] -> [N, C, 1, 1]. Grads: x. Throws ShapeError, DTypeError.
Tensor global_avg_pool2d(const Tensor& x);

}  // namespace dlengine

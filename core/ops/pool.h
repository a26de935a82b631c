// Pooling. Output sizes: core/shape_rules.h. Types: floating. Throws ShapeError, DTypeError, ValueError.
#pragma once

#include "dlengine/core/op_params.h"
#include "dlengine/core/tensor.h"
#include "dlengine/core/window_params.h"

namespace dlengine {

// Of images [N, C, H, W] -> [N, C, P, Q].

/// Largest pixel of each window; padding never wins. Grads: x, to the first largest pixel of a window in
/// row-major order.
Tensor max_pool2d(const Tensor& x, const Pool2dParams& params);
/// Mean of each window. Grads: x.
Tensor avg_pool2d(const Tensor& x, const Pool2dParams& params);
/// Mean of each channel: [N, C, H, W] -> [N, C, 1, 1]. Grads: x.
Tensor global_avg_pool2d(const Tensor& x);
/// Mean of windows that divide the image into size.h rows and size.w columns: row i is of the pixels from
/// i*H / size.h, rounded down, to (i + 1)*H / size.h, rounded up. Grads: x.
Tensor adaptive_avg_pool2d(const Tensor& x, Size2 size);

/// What max_pool2d() gives, and i64 [N, C, P, Q]: h * W + w of the pixel that won each window.
struct PooledWithIndices {
  Tensor y, indices;
};
/// Without an ending: params.ending must be none. Grads of y: x.
PooledWithIndices max_pool2d_with_indices(const Tensor& x, const Pool2dParams& params);
/// Puts each pixel of x [N, C, P, Q] at the place h * W + w that indices [N, C, P, Q] give in an image of
/// zeros [N, C, H, W], size = {H, W}. Pixels that meet at one place, as those of overlapping windows may, add
/// up (PyTorch keeps one of them). Grads: x. Throws ValueError for a place outside of the image.
Tensor max_unpool2d(const Tensor& x, const Tensor& indices, Size2 size);

// Of series [N, C, L] -> [N, C, Q], as those of images.

Tensor max_pool1d(const Tensor& x, const Pool1dParams& params);
Tensor avg_pool1d(const Tensor& x, const Pool1dParams& params);

// Of volumes [N, C, D, H, W] -> [N, C, O, P, Q], as those of images: two poolings, of planes and of depths.

Tensor max_pool3d(const Tensor& x, const Pool3dParams& params);
Tensor avg_pool3d(const Tensor& x, const Pool3dParams& params);

}  // namespace dlengine

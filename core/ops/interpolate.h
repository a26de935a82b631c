// Resizing of images.
#pragma once

#include "dlengine/core/tensor.h"
#include "dlengine/core/window_params.h"

namespace dlengine {

/// Where the pixels of a resized image come from along one axis: pixel i is
/// x[below[i]] * (1 - share[i]) + x[above[i]] * share[i], or x[below[i]] of the nearest mode.
struct InterpolateTable {
  Tensor below;                // i64 [size of the result]
  Tensor above, share, other;  // other: 1 - share; all undefined for nearest
};
struct InterpolateTables {
  InterpolateTable rows, columns;
};

/// The tables for images like x, on its device. They are made of the host's numbers, so a step that makes
/// them cannot be recorded; one that has them can.
InterpolateTables interpolate_tables(const Tensor& x, const InterpolateParams& params);

/// x [N, C, H, W] -> [N, C, P, Q]: the size, or H and W times the factor, rounded down.
///
/// nearest: pixel i is that at i * H / P, rounded down. bilinear: pixels are squares, so the middle of pixel
/// i lies at (i + 0.5) * H / P - 0.5, and the four pixels around it are mixed; with align_corners it lies at
/// i * (H - 1) / (P - 1). Given a scale_factor, it stands for P / H also where P was rounded down. All as in
/// PyTorch. Types: floating; 16-bit ones are mixed in f32. Grads: x. Throws ShapeError, DTypeError,
/// ValueError.
Tensor interpolate(const Tensor& x, const InterpolateParams& params);
/// The same with tables of x.
Tensor interpolate(const Tensor& x, const InterpolateTables& tables);

}  // namespace dlengine

// 2-D convolution. Output sizes: core/shape_rules.h.
#pragma once

#include "dlengine/core/op_params.h"
#include "dlengine/core/tensor.h"

namespace dlengine {

/// Cross-correlates images with K filters; the filters are not flipped.
///
/// Shapes: x [N, C, H, W], w [K, C/groups, R, S], bias [K] or undefined -> [N, K, P, Q],
///         P = (H + 2*padding.h - dilation.h*(R - 1) - 1) / stride.h + 1, rounded down; Q alike.
/// Types:  f16, bf16 and f32 sum in f32; f64 sums in f64. x, w and bias share one type.
/// Grads:  x, w, bias.
/// Throws: ShapeError, DTypeError, DeviceError, ValueError; each names what was expected and what came.
/// Source: Dumoulin and Visin, arXiv:1603.07285.
Tensor conv2d(const Tensor& x, const Tensor& w, const Tensor& bias = {}, const Conv2dParams& params = {});

}  // namespace dlengine

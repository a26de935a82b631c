// Convolutions of series, images and volumes. Output sizes: core/shape_rules.h.
//
// Types:  f16, bf16 and f32 sum in f32; f64 sums in f64. x, w and bias share one type.
// Grads:  x, w, bias.
// Throws: ShapeError, DTypeError, DeviceError, ValueError; each names what was expected and what came.
// Source: Dumoulin and Visin, arXiv:1603.07285.
#pragma once

#include "dlengine/core/op_params.h"
#include "dlengine/core/tensor.h"
#include "dlengine/core/window_params.h"

namespace dlengine {

/// Cross-correlates images with K filters; the filters are not flipped.
///
/// Shapes: x [N, C, H, W], w [K, C/groups, R, S], bias [K] or undefined -> [N, K, P, Q],
///         P = (H + 2*padding.h - dilation.h*(R - 1) - 1) / stride.h + 1, rounded down; Q alike.
Tensor conv2d(const Tensor& x, const Tensor& w, const Tensor& bias = {}, const Conv2dParams& params = {});

/// The same for series: x [N, C, L], w [K, C/groups, R] -> [N, K, Q]. A view of conv2d().
Tensor conv1d(const Tensor& x, const Tensor& w, const Tensor& bias = {}, const Conv1dParams& params = {});

/// The same for volumes: x [N, C, D, H, W], w [K, C/groups, T, R, S] -> [N, K, O, P, Q]. One conv2d() whose
/// input channels are the channels at all T depths that an output depth sees, so x is copied T/stride.d
/// times.
Tensor conv3d(const Tensor& x, const Tensor& w, const Tensor& bias = {}, const Conv3dParams& params = {});

/// The transpose of conv2d() as a linear map, plus a bias: spreads each pixel over the pixels that a
/// convolution with these parameters would have read. Up-sampling with own filters.
///
/// Shapes: x [N, C, H, W], w [C, K/groups, R, S], bias [K] or undefined -> [N, K, P, Q],
///         P = (H - 1)*stride.h - 2*padding.h + dilation.h*(R - 1) + output_padding.h + 1; Q alike.
Tensor conv_transpose2d(const Tensor& x, const Tensor& w, const Tensor& bias = {},
                        const ConvTranspose2dParams& params = {});

/// The same for series: x [N, C, L], w [C, K/groups, R] -> [N, K, Q]. A view of conv_transpose2d().
Tensor conv_transpose1d(const Tensor& x, const Tensor& w, const Tensor& bias = {},
                        const ConvTranspose1dParams& params = {});

}  // namespace dlengine

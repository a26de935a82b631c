// Output sizes, once for operations, layers, backends and tests.
#pragma once

#include <string>

#include "dlengine/core/op_params.h"
#include "dlengine/core/shape.h"
#include "dlengine/core/window_params.h"

namespace dlengine {

/// An entry for each axis of a window, outermost first.
inline Dims dims_of(int64_t size) { return {size}; }
inline Dims dims_of(const Size2& size) { return {size.h, size.w}; }
inline Dims dims_of(const Size3& size) { return {size.d, size.h, size.w}; }
/// "3x5".
std::string by_x(const Dims& sizes);

/// (size + 2*padding - dilation*(kernel - 1) - 1) / stride + 1, rounded down: trailing pixels that do not
/// fill a window are dropped. Dumoulin and Visin, arXiv:1603.07285. May be < 1, which callers refuse.
int64_t window_count(int64_t size, int64_t kernel, int64_t stride, int64_t padding, int64_t dilation = 1);

/// (size - 1) * stride - 2*padding + dilation*(kernel - 1) + output_padding + 1: the size of which
/// window_count() makes `size`. Without output_padding the smallest one, as that rounds down.
int64_t transposed_count(int64_t size, int64_t kernel, int64_t stride, int64_t padding, int64_t dilation = 1,
                         int64_t output_padding = 0);

/// x [N, C, H, W], w [K, C/groups, R, S] -> [N, K, P, Q]. Throws ShapeError or ValueError that names both
/// shapes.
Shape conv2d_shape(const Shape& x, const Shape& w, const Conv2dParams& params);
/// x [N, C, L], w [K, C/groups, R] -> [N, K, Q]. Throws as conv2d_shape().
Shape conv1d_shape(const Shape& x, const Shape& w, const Conv1dParams& params);
/// x [N, C, D, H, W], w [K, C/groups, T, R, S] -> [N, K, O, P, Q]. Throws as conv2d_shape().
Shape conv3d_shape(const Shape& x, const Shape& w, const Conv3dParams& params);
/// x [N, C, H, W], w [C, K/groups, R, S] -> [N, K, P, Q]. Throws as conv2d_shape().
Shape conv_transpose2d_shape(const Shape& x, const Shape& w, const ConvTranspose2dParams& params);
/// x [N, C, L], w [C, K/groups, R] -> [N, K, Q]. Throws as conv2d_shape().
Shape conv_transpose1d_shape(const Shape& x, const Shape& w, const ConvTranspose1dParams& params);

/// params with stride 0 replaced by the kernel; throws ValueError naming op for sizes that make no sense.
Pool2dParams checked_pool2d(const char* op, const Pool2dParams& params);
/// x [N, C, H, W] -> [N, C, P, Q]. Throws ShapeError that names op.
Shape pool2d_shape(const char* op, const Shape& x, const Pool2dParams& params);

/// The same for [N, C, L] and [N, C, D, H, W].
Pool1dParams checked_pool1d(const char* op, const Pool1dParams& params);
Shape pool1d_shape(const char* op, const Shape& x, const Pool1dParams& params);
Pool3dParams checked_pool3d(const char* op, const Pool3dParams& params);
Shape pool3d_shape(const char* op, const Shape& x, const Pool3dParams& params);

/// x [N, C, H, W] -> [N, C, P, Q]: the size, or H and W times the factor, rounded down. Throws ShapeError,
/// ValueError.
Shape interpolate_shape(const Shape& x, const InterpolateParams& params);

/// Shape of a reduction: kept axes as they are, reduced ones with size 1.
Shape reduced_shape(const Shape& x, const Shape& axes);

/// a [.., M, K], b [.., K, N] -> [.., M, N] with broadcast batch axes. Throws ShapeError.
Shape matmul_shape(const Shape& a, const Shape& b);

}  // namespace dlengine

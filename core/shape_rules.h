// Output sizes, once for operations, layers, backends and tests.
#pragma once

#include "dlengine/core/op_params.h"
#include "dlengine/core/shape.h"

namespace dlengine {

/// (size + 2*padding - dilation*(kernel - 1) - 1) / stride + 1, rounded down: trailing pixels that do not
/// fill a window are dropped. Dumoulin and Visin, arXiv:1603.07285. May be < 1, which callers refuse.
int64_t window_count(int64_t size, int64_t kernel, int64_t stride, int64_t padding, int64_t dilation = 1);

/// x [N, C, H, W], w [K, C/groups, R, S] -> [N, K, P, Q]. Throws ShapeError or ValueError that names both
/// shapes.
Shape conv2d_shape(const Shape& x, const Shape& w, const Conv2dParams& params);

/// params with stride 0 replaced by the kernel; throws ValueError naming op for sizes that make no sense.
Pool2dParams checked_pool2d(const char* op, const Pool2dParams& params);
/// x [N, C, H, W] -> [N, C, P, Q]. Throws ShapeError that names op.
Shape pool2d_shape(const char* op, const Shape& x, const Pool2dParams& params);

/// Shape of a reduction: kept axes as they are, reduced ones with size 1.
Shape reduced_shape(const Shape& x, const Shape& axes);

/// a [.., M, K], b [.., K, N] -> [.., M, N] with broadcast batch axes. Throws ShapeError.
Shape matmul_shape(const Shape& a, const Shape& b);

}  // namespace dlengine

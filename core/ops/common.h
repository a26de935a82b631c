// Internal: what several operations need.
#pragma once

#include <initializer_list>

#include "dlengine/core/tensor.h"

namespace dlengine {

/// Throws ValueError for an undefined tensor and DeviceError for tensors on different devices; undefined ones
/// that may be are left out by the caller.
void check_operands(const char* op, std::initializer_list<const Tensor*> tensors);

/// Throws DTypeError unless the tensors have one floating type.
void check_one_floating_type(const char* op, std::initializer_list<const Tensor*> tensors);

/// x read as `shape`, with stride 0 along broadcast axes; off the tape.
Tensor broadcast_view(const Tensor& x, const Shape& shape);

/// The gradient of broadcasting: sums dy over the axes along which `shape` was repeated; off the tape.
Tensor sum_to(const Tensor& dy, const Shape& shape);

/// A row-major copy, or x itself if it is contiguous; off the tape.
Tensor dense(const Tensor& x);

/// Uninitialised memory for an elementwise result of operands of one type: channels-last if one of this shape
/// is.
Tensor empty_result(const Shape& shape, std::initializer_list<const Tensor*> operands);

}  // namespace dlengine

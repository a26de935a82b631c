// Sequences of different lengths in one padded batch.
#pragma once

#include <cstdint>

#include "dlengine/core/tensor.h"

namespace dlengine {

/// Which elements of padded sequences are not padding: bool [N, steps], true where step < lengths[n]. It is
/// what attention takes for valid_keys. lengths: i32 or i64 [N], 0 .. steps. No gradient. Throws ShapeError,
/// DTypeError; ValueError for a length out of range (on a GPU when a result is next read).
Tensor sequence_mask(const Tensor& lengths, int64_t steps);

}  // namespace dlengine

// Rows of a table, chosen by numbers.
#pragma once

#include <cstdint>

#include "dlengine/core/tensor.h"

namespace dlengine {

/// No row of the table is for padding.
inline constexpr int64_t kNoPadding = -1;

/// Row index[..] of the table: words, or other things that have numbers, as vectors.
///
/// Shapes: table [K, E], index [..] -> [.., E].
/// Types:  table: any; index: i32 or i64.
/// Grads:  table, but for row `padding`; rows that are chosen more than once are added in the order of the
///         index.
/// Throws: ShapeError, DTypeError, DeviceError; ValueError for a number outside of 0 .. K-1 (on a GPU when
///         the result is next read, in the name of index_select).
Tensor embedding(const Tensor& table, const Tensor& index, int64_t padding = kNoPadding);

}  // namespace dlengine

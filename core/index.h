// What NumPy writes between the brackets, for Tensor::index(): x[10:100, 0, -14:, ..., None] is
// x.index({Slice(10, 100), 0, Slice(-14), kEllipsis, kNewAxis}).
#pragma once

#include <cstdint>
#include <limits>
#include <variant>

namespace dlengine {

/// End of an axis.
inline constexpr int64_t kEnd = std::numeric_limits<int64_t>::max();

/// Elements start, start + step, ... before stop of an axis. Negative positions count from the end, and
/// positions are clipped to the axis; step >= 1. Slice() is the whole axis.
struct Slice {
  explicit constexpr Slice(int64_t first = 0, int64_t end = kEnd, int64_t distance = 1)
      : start(first), stop(end), step(distance) {}
  int64_t start, stop, step;
};

/// As many whole axes as the other items leave.
struct Ellipsis {};
inline constexpr Ellipsis kEllipsis;

/// A new axis of size 1.
struct NewAxis {};
inline constexpr NewAxis kNewAxis;

/// A position, which takes the axis away, or one of the above.
using Index = std::variant<int64_t, Slice, Ellipsis, NewAxis>;

}  // namespace dlengine

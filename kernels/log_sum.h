// The logarithm of a sum of exponentials, and what cross-entropy makes of it, once for every device.
#pragma once

#include <cmath>

#include "dlengine/core/host_device.h"

namespace dlengine {

/// log(sum(exp(x))) of a row x as two numbers, whose sum may not be exact enough: the largest x, and the
/// logarithm beyond it.
template <typename A>
struct LogSum {
  A largest, rest;

  /// sum: of exp(x - largest); where all x are -infinity, or one is +infinity, it is NaN and does not count.
  DLENGINE_HOST_DEVICE static LogSum of(A largest, A sum) {
    if (std::isinf(largest)) return {largest, largest > A(0) ? A(0) : largest};
    return {largest, std::log(sum)};
  }
  /// Of the softmax at an element x.
  DLENGINE_HOST_DEVICE A minus_log_probability(A x) const { return largest - x + rest; }
  DLENGINE_HOST_DEVICE A probability(A x) const { return std::exp(x - largest - rest); }
};

}  // namespace dlengine

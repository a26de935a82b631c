// One element as another type.
#pragma once

#include <cmath>
#include <limits>
#include <type_traits>

#include "dlengine/core/dtype.h"

namespace dlengine {

/// Floating to integer truncates, and outside of the integer's range gives its nearest end (NaN: 0); to bool
/// is != 0.
template <typename To, typename From>
To convert(From from) {
  using A = Accumulate<From>;
  const A value = A(from);
  if constexpr (std::is_same_v<To, bool>) {
    return value != A(0);
  } else if constexpr (std::is_floating_point_v<A> && std::is_integral_v<To>) {
    constexpr A kLow = A(std::numeric_limits<To>::min());
    const A high = std::ldexp(A(1), std::numeric_limits<To>::digits);  // one above the largest, exact
    if (!(value > kLow)) return value != value ? To(0) : std::numeric_limits<To>::min();
    return value >= high ? std::numeric_limits<To>::max() : To(value);
  } else if constexpr (std::is_same_v<Accumulate<To>, To>) {
    return static_cast<To>(value);
  } else {
    return To(static_cast<float>(value));
  }
}

}  // namespace dlengine

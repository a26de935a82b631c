// The maths of functions of one element as NumPy has them; activations are in activation_functors.h.
#pragma once

#include <cmath>
#include <type_traits>

#include "dlengine/core/host_device.h"

namespace dlengine {

namespace detail {
template <typename T, bool kSignedInteger>
struct WrappingOf {
  using type = T;
};
template <typename T>
struct WrappingOf<T, true> {
  using type = std::make_unsigned_t<T>;
};
}  // namespace detail

/// The type in which sums and products of T are defined for every argument: integers wrap around, as in
/// NumPy.
template <typename T>
using Wrapping = typename detail::WrappingOf<T, std::is_integral_v<T> && std::is_signed_v<T>>::type;

/// Functions that integers have, too.
template <typename F>
concept TakesIntegers = requires {
  requires F::kTakesIntegers;
};

// value(x) is the result, slope(s) its derivative: s is the result where kSlopeFromResult is true, else the
// argument. T is the computing type. Layers have some of these names, too, so they have a namespace of their
// own.
namespace functions {

struct Abs {
  static constexpr bool kTakesIntegers = true;
  static constexpr bool kSlopeFromResult = false;
  template <typename T>
  DLENGINE_HOST_DEVICE static T value(T x) {
    if constexpr (std::is_unsigned_v<T>) {
      return x;
    } else {
      return x < T(0) ? T(-Wrapping<T>(x)) : x;
    }
  }
  template <typename T>
  DLENGINE_HOST_DEVICE static T slope(T x) {
    return T(x > T(0)) - T(x < T(0));
  }
};

struct Exp {
  static constexpr bool kSlopeFromResult = true;
  template <typename T>
  DLENGINE_HOST_DEVICE static T value(T x) {
    return std::exp(x);
  }
  template <typename T>
  DLENGINE_HOST_DEVICE static T slope(T y) {
    return y;
  }
};

struct Log {
  static constexpr bool kSlopeFromResult = false;
  template <typename T>
  DLENGINE_HOST_DEVICE static T value(T x) {
    return std::log(x);
  }
  template <typename T>
  DLENGINE_HOST_DEVICE static T slope(T x) {
    return T(1) / x;
  }
};

struct Sqrt {
  static constexpr bool kSlopeFromResult = true;
  template <typename T>
  DLENGINE_HOST_DEVICE static T value(T x) {
    return std::sqrt(x);
  }
  template <typename T>
  DLENGINE_HOST_DEVICE static T slope(T y) {
    return T(0.5) / y;
  }
};

struct Square {
  static constexpr bool kTakesIntegers = true;
  static constexpr bool kSlopeFromResult = false;
  template <typename T>
  DLENGINE_HOST_DEVICE static T value(T x) {
    return T(Wrapping<T>(x) * Wrapping<T>(x));
  }
  template <typename T>
  DLENGINE_HOST_DEVICE static T slope(T x) {
    return T(2) * x;
  }
};

struct Reciprocal {
  static constexpr bool kSlopeFromResult = true;
  template <typename T>
  DLENGINE_HOST_DEVICE static T value(T x) {
    return T(1) / x;
  }
  template <typename T>
  DLENGINE_HOST_DEVICE static T slope(T y) {
    return -y * y;
  }
};

/// Functions that are flat between their steps.
struct Flat {
  static constexpr bool kSlopeFromResult = false;
  template <typename T>
  DLENGINE_HOST_DEVICE static T slope(T) {
    return T(0);
  }
};

struct Sign : Flat {
  static constexpr bool kTakesIntegers = true;
  template <typename T>
  DLENGINE_HOST_DEVICE static T value(T x) {
    if constexpr (std::is_unsigned_v<T>) {
      return T(x > T(0));
    } else {
      return T(T(x > T(0)) - T(x < T(0)));
    }
  }
};

struct Tanh {
  static constexpr bool kSlopeFromResult = true;
  template <typename T>
  DLENGINE_HOST_DEVICE static T value(T x) {
    return std::tanh(x);
  }
  template <typename T>
  DLENGINE_HOST_DEVICE static T slope(T y) {
    return T(1) - y * y;
  }
};

struct Rsqrt {
  static constexpr bool kSlopeFromResult = true;
  template <typename T>
  DLENGINE_HOST_DEVICE static T value(T x) {
    return T(1) / std::sqrt(x);
  }
  template <typename T>
  DLENGINE_HOST_DEVICE static T slope(T y) {
    return T(-0.5) * y * y * y;
  }
};

struct Log1p {
  static constexpr bool kSlopeFromResult = false;
  template <typename T>
  DLENGINE_HOST_DEVICE static T value(T x) {
    return std::log1p(x);
  }
  template <typename T>
  DLENGINE_HOST_DEVICE static T slope(T x) {
    return T(1) / (T(1) + x);
  }
};

struct Expm1 {
  static constexpr bool kSlopeFromResult = true;
  template <typename T>
  DLENGINE_HOST_DEVICE static T value(T x) {
    return std::expm1(x);
  }
  template <typename T>
  DLENGINE_HOST_DEVICE static T slope(T y) {
    return y + T(1);
  }
};

struct Sin {
  static constexpr bool kSlopeFromResult = false;
  template <typename T>
  DLENGINE_HOST_DEVICE static T value(T x) {
    return std::sin(x);
  }
  template <typename T>
  DLENGINE_HOST_DEVICE static T slope(T x) {
    return std::cos(x);
  }
};

struct Cos {
  static constexpr bool kSlopeFromResult = false;
  template <typename T>
  DLENGINE_HOST_DEVICE static T value(T x) {
    return std::cos(x);
  }
  template <typename T>
  DLENGINE_HOST_DEVICE static T slope(T x) {
    return -std::sin(x);
  }
};

struct Erf {
  static constexpr bool kSlopeFromResult = false;
  template <typename T>
  DLENGINE_HOST_DEVICE static T value(T x) {
    return std::erf(x);
  }
  template <typename T>
  DLENGINE_HOST_DEVICE static T slope(T x) {
    return T(1.1283791670955126) * std::exp(-x * x);  // 2 / sqrt(pi)
  }
};

struct Floor : Flat {
  static constexpr bool kTakesIntegers = true;
  template <typename T>
  DLENGINE_HOST_DEVICE static T value(T x) {
    if constexpr (std::is_integral_v<T>) {
      return x;
    } else {
      return std::floor(x);
    }
  }
};

struct Ceil : Flat {
  static constexpr bool kTakesIntegers = true;
  template <typename T>
  DLENGINE_HOST_DEVICE static T value(T x) {
    if constexpr (std::is_integral_v<T>) {
      return x;
    } else {
      return std::ceil(x);
    }
  }
};

/// To the nearest whole number, of two the even one.
struct Round : Flat {
  static constexpr bool kTakesIntegers = true;
  template <typename T>
  DLENGINE_HOST_DEVICE static T value(T x) {
    if constexpr (std::is_integral_v<T>) {
      return x;
    } else {
      return std::rint(x);
    }
  }
};

}  // namespace functions

}  // namespace dlengine

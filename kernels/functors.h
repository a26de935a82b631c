// The maths of single elements, once for every device: values, slopes and optimizer rules.
// T is the computing type: float (also for the 16-bit types), double or an integer.
#pragma once

#include <cmath>
#include <cstdint>
#include <type_traits>

#include "dlengine/core/backend.h"
#include "dlengine/core/error.h"
#include "dlengine/core/host_device.h"
#include "dlengine/core/op_params.h"
#include "dlengine/core/philox.h"

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

// --- Functions of one element. value(x) is the result, slope(s) its derivative: s is the result where
// kSlopeFromResult is true, else the argument. ---

struct Abs {
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

struct Sign {
  static constexpr bool kSlopeFromResult = false;
  template <typename T>
  DLENGINE_HOST_DEVICE static T value(T x) {
    if constexpr (std::is_unsigned_v<T>) {
      return T(x > T(0));
    } else {
      return T(T(x > T(0)) - T(x < T(0)));
    }
  }
  template <typename T>
  DLENGINE_HOST_DEVICE static T slope(T) {
    return T(0);
  }
};

struct Relu {
  static constexpr bool kSlopeFromResult = true;
  template <typename T>
  DLENGINE_HOST_DEVICE static T value(T x) {
    return x < T(0) ? T(0) : x;  // this order keeps NaN
  }
  template <typename T>
  DLENGINE_HOST_DEVICE static T slope(T y) {
    return y > T(0) ? T(1) : T(0);
  }
};

/// The gradient before y = relu(z), or before a dropout behind it that scales what it keeps.
template <typename A>
struct ReluMask {
  A scale;
  DLENGINE_HOST_DEVICE A operator()(A y, A dy) const { return dy * Relu::slope(y) * scale; }
};

struct Sigmoid {
  static constexpr bool kSlopeFromResult = true;
  template <typename T>
  DLENGINE_HOST_DEVICE static T value(T x) {
    return T(1) / (T(1) + std::exp(-x));
  }
  template <typename T>
  DLENGINE_HOST_DEVICE static T slope(T y) {
    return y * (T(1) - y);
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

/// Calls f(Functor{}) for the operation.
template <typename F>
decltype(auto) visit(UnaryOp op, F&& f) {
  switch (op) {
    case UnaryOp::abs: return f(Abs{});
    case UnaryOp::exp: return f(Exp{});
    case UnaryOp::log: return f(Log{});
    case UnaryOp::sqrt: return f(Sqrt{});
    case UnaryOp::square: return f(Square{});
    case UnaryOp::reciprocal: return f(Reciprocal{});
    case UnaryOp::sign: return f(Sign{});
    case UnaryOp::relu: return f(Relu{});
    case UnaryOp::sigmoid: return f(Sigmoid{});
    case UnaryOp::tanh: return f(Tanh{});
  }
  throw ValueError("unknown unary operation");
}

struct Identity {
  template <typename T>
  DLENGINE_HOST_DEVICE static T value(T x) {
    return x;
  }
  template <typename T>
  DLENGINE_HOST_DEVICE static T slope(T) {
    return T(1);
  }
};

/// Calls f(Functor{}) for what an operation ends in; its slope is computed from the result.
template <typename F>
decltype(auto) visit(Activation activation, F&& f) {
  return activation == Activation::relu ? f(Relu{}) : f(Identity{});
}

// --- Functions of two elements ---

struct Add {
  template <typename T>
  DLENGINE_HOST_DEVICE static T value(T a, T b) {
    return T(Wrapping<T>(a) + Wrapping<T>(b));
  }
};

struct Sub {
  template <typename T>
  DLENGINE_HOST_DEVICE static T value(T a, T b) {
    return T(Wrapping<T>(a) - Wrapping<T>(b));
  }
};

struct Mul {
  template <typename T>
  DLENGINE_HOST_DEVICE static T value(T a, T b) {
    return T(Wrapping<T>(a) * Wrapping<T>(b));
  }
};

struct Div {
  template <typename T>
  DLENGINE_HOST_DEVICE static T value(T a, T b) {
    if constexpr (std::is_integral_v<T>) {
      if (b == T(0)) return T(0);
      if constexpr (std::is_signed_v<T>) {
        if (b == T(-1)) return T(0 - Wrapping<T>(a));  // the smallest integer / -1 overflows
      }
    }
    return T(a / b);
  }
};

struct Maximum {
  template <typename T>
  DLENGINE_HOST_DEVICE static T value(T a, T b) {
    const T larger = a > b ? a : b;
    return a != a ? a
                  : larger;  // NaN wins; two selections, because || would keep loops from being vectorised
  }
};

struct Minimum {
  template <typename T>
  DLENGINE_HOST_DEVICE static T value(T a, T b) {
    const T smaller = a < b ? a : b;
    return a != a ? a : smaller;
  }
};

struct Pow {
  template <typename T>
  DLENGINE_HOST_DEVICE static T value(T a, T b) {
    return T(std::pow(a, b));
  }
};

template <typename F>
decltype(auto) visit(BinaryOp op, F&& f) {
  switch (op) {
    case BinaryOp::add: return f(Add{});
    case BinaryOp::sub: return f(Sub{});
    case BinaryOp::mul: return f(Mul{});
    case BinaryOp::div: return f(Div{});
    case BinaryOp::maximum: return f(Maximum{});
    case BinaryOp::minimum: return f(Minimum{});
    case BinaryOp::pow: return f(Pow{});
  }
  throw ValueError("unknown binary operation");
}

struct Equal {
  template <typename T>
  DLENGINE_HOST_DEVICE static bool value(T a, T b) {
    return a == b;
  }
};

struct NotEqual {
  template <typename T>
  DLENGINE_HOST_DEVICE static bool value(T a, T b) {
    return a != b;
  }
};

struct Less {
  template <typename T>
  DLENGINE_HOST_DEVICE static bool value(T a, T b) {
    return a < b;
  }
};

struct LessEqual {
  template <typename T>
  DLENGINE_HOST_DEVICE static bool value(T a, T b) {
    return a <= b;
  }
};

struct Greater {
  template <typename T>
  DLENGINE_HOST_DEVICE static bool value(T a, T b) {
    return a > b;
  }
};

struct GreaterEqual {
  template <typename T>
  DLENGINE_HOST_DEVICE static bool value(T a, T b) {
    return a >= b;
  }
};

template <typename F>
decltype(auto) visit(CompareOp op, F&& f) {
  switch (op) {
    case CompareOp::eq: return f(Equal{});
    case CompareOp::ne: return f(NotEqual{});
    case CompareOp::lt: return f(Less{});
    case CompareOp::le: return f(LessEqual{});
    case CompareOp::gt: return f(Greater{});
    case CompareOp::ge: return f(GreaterEqual{});
  }
  throw ValueError("unknown comparison");
}

// --- Dropout: kept where the word is at least p * 2^32, so the share dropped is p to within 2^-32 ---

DLENGINE_HOST_DEVICE inline uint32_t dropout_threshold(double p) {
  const double scaled = p * 4294967296.0;
  return scaled >= 4294967295.0 ? 4294967295u : uint32_t(scaled);
}

// --- A number of [low, high) from one word; where rounding to T would reach high, low stands in for it ---

template <typename T, typename A>
DLENGINE_HOST_DEVICE T uniform_value(uint32_t bits, A low, A high) {
  const T value = T(low + (high - low) * A(uniform_from_bits(bits)));
  return A(value) < high ? value : T(low);
}

// --- Two normal numbers from two words (Box and Muller, Ann. Math. Stat. 29, 1958) ---

struct NormalPair {
  float first, second;
};

DLENGINE_HOST_DEVICE inline NormalPair normal_from_bits(uint32_t a, uint32_t b) {
  const float u = (float(a >> 8) + 1.0f) * 0x1p-24f;  // in (0, 1], so the logarithm is finite
  const float radius = std::sqrt(-2.0f * std::log(u));
  const float angle = 6.283185307f * uniform_from_bits(b);
  return {radius * std::cos(angle), radius * std::sin(angle)};
}

/// Index of the first of n elements, `step` apart, that beats all others: Greater or Less; NaN beats
/// numbers.
template <typename Beats, typename T>
DLENGINE_HOST_DEVICE int64_t arg_extreme(const T* x, int64_t n, int64_t step) {
  using A = Accumulate<T>;
  int64_t best = 0;
  A value = A(x[0]);
  for (int64_t i = 1; i < n && value == value; ++i) {
    const A other = A(x[i * step]);
    if (Beats::value(other, value) || other != other) {
      best = i;
      value = other;
    }
  }
  return best;
}

}  // namespace dlengine

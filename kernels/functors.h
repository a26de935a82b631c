// The maths of single elements, once for every device: values, slopes and optimizer rules.
// T is the computing type: float (also for the 16-bit types), double or an integer.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "dlengine/core/backend.h"
#include "dlengine/core/error.h"
#include "dlengine/core/host_device.h"
#include "dlengine/core/op_params.h"
#include "dlengine/core/philox.h"
#include "dlengine/kernels/activation_functors.h"
#include "dlengine/kernels/unary_functors.h"

namespace dlengine {

namespace functions {

/// A number of an operation in the computing type; integers end where they end.
template <typename A>
A number(double value) {
  if constexpr (std::is_integral_v<A>) {
    constexpr A kLeast = std::numeric_limits<A>::lowest(), kMost = std::numeric_limits<A>::max();
    if (value <= double(kLeast)) return kLeast;
    if (value >= double(kMost)) return kMost;
  }
  return A(value);
}

/// Calls f(functor) with the function and its numbers in the computing type A.
template <typename A, typename F>
decltype(auto) visit_unary(const Unary& unary, F&& f) {
  const auto a = [&] { return number<A>(unary.a); };  // converted only where a function has numbers
  const auto b = [&] { return number<A>(unary.b); };
  switch (unary.op) {
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
    case UnaryOp::rsqrt: return f(Rsqrt{});
    case UnaryOp::log1p: return f(Log1p{});
    case UnaryOp::expm1: return f(Expm1{});
    case UnaryOp::sin: return f(Sin{});
    case UnaryOp::cos: return f(Cos{});
    case UnaryOp::erf: return f(Erf{});
    case UnaryOp::floor: return f(Floor{});
    case UnaryOp::ceil: return f(Ceil{});
    case UnaryOp::round: return f(Round{});
    case UnaryOp::step: return f(Step{});
    case UnaryOp::leaky_relu: return f(LeakyRelu<A>{a()});
    case UnaryOp::elu: return f(Elu<A>{a(), b()});
    case UnaryOp::gelu: return f(Gelu{});
    case UnaryOp::gelu_tanh: return f(GeluTanh{});
    case UnaryOp::silu: return f(Silu{});
    case UnaryOp::softplus: return f(Softplus<A>{a()});
    case UnaryOp::mish: return f(Mish{});
    case UnaryOp::softsign: return f(Softsign{});
    case UnaryOp::clip: return f(Clip<A>{a(), b()});
    case UnaryOp::hardtanh: return f(Hardtanh<A>{a(), b()});
    case UnaryOp::hardsigmoid: return f(Hardsigmoid{});
    case UnaryOp::hardswish: return f(Hardswish{});
  }
  throw ValueError("unknown unary operation");
}

}  // namespace functions

using functions::Relu;
using functions::ReluMask;
using functions::Sigmoid;
using functions::Tanh;
using functions::visit_unary;

/// Nothing.
struct Unchanged {
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
  return activation == Activation::relu ? f(Relu{}) : f(Unchanged{});
}

/// x * scale + shift. For integers both are whole numbers that 64 bits hold; A keeps their lowest bits, and
/// results wrap around.
template <typename A>
struct ScaleShift {
  A scale, shift;
  ScaleShift(double by, double plus) : scale(number(by)), shift(number(plus)) {}
  DLENGINE_HOST_DEVICE A operator()(A x) const {
    return A(Wrapping<A>(x) * Wrapping<A>(scale) + Wrapping<A>(shift));
  }

 private:
  static A number(double given) {
    if constexpr (std::is_integral_v<A>) {
      return static_cast<A>(static_cast<int64_t>(given));
    } else {
      return static_cast<A>(given);
    }
  }
};

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
  // CUDA's pow may miss by some last places, also where the power is a whole number; products do not.
  template <typename T>
  DLENGINE_HOST_DEVICE static T value(T a, T b) {
    if (b == T(1)) return a;
    if (b == T(2)) return Mul::value(a, a);
    if (b == T(3)) return Mul::value(Mul::value(a, a), a);
    if (b == T(-1)) return Div::value(T(1), a);
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

/// Whether a comes before b in rising or in falling order; NaN counts as largest.
struct Before {
  bool descending;
  template <typename T>
  DLENGINE_HOST_DEVICE bool operator()(T a, T b) const {
    const T first = descending ? b : a, second = descending ? a : b;
    return first < second || (first == first && second != second);
  }
};

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

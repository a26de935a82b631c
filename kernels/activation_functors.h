// The maths of activation functions, as that of unary_functors.h. Those with numbers hold them in the
// computing type A. All are finite, and so are their slopes, for arguments of +-1000.
#pragma once

#include <cmath>

#include "dlengine/kernels/unary_functors.h"

namespace dlengine::functions {

struct Relu {
  static constexpr bool kTakesIntegers = true;
  static constexpr bool kSlopeFromResult = true;
  template <typename T>
  DLENGINE_HOST_DEVICE static T value(T x) {
    if constexpr (std::is_unsigned_v<T>) {
      return x;
    } else {
      return x < T(0) ? T(0) : x;  // this order keeps NaN
    }
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

/// Heaviside's function, 0 at 0.
struct Step : Flat {
  static constexpr bool kTakesIntegers = true;
  template <typename T>
  DLENGINE_HOST_DEVICE static T value(T x) {
    return x > T(0) ? T(1) : x <= T(0) ? T(0) : x;  // NaN stays NaN
  }
};

template <typename A>
struct LeakyRelu {
  A negative_slope;
  static constexpr bool kSlopeFromResult = false;
  DLENGINE_HOST_DEVICE A value(A x) const { return x > A(0) ? x : negative_slope * x; }
  DLENGINE_HOST_DEVICE A slope(A x) const { return x > A(0) ? A(1) : negative_slope; }
};

/// SELU, too.
template <typename A>
struct Elu {
  A alpha, scale;
  static constexpr bool kSlopeFromResult = false;
  DLENGINE_HOST_DEVICE A value(A x) const { return x > A(0) ? scale * x : scale * (alpha * std::expm1(x)); }
  DLENGINE_HOST_DEVICE A slope(A x) const { return x > A(0) ? scale : scale * (alpha * std::exp(x)); }
};

/// x times the normal distribution's share below x.
struct Gelu {
  static constexpr bool kSlopeFromResult = false;
  template <typename T>
  DLENGINE_HOST_DEVICE static T share_below(T x) {
    return T(0.5) * std::erfc(x * T(-0.7071067811865476));  // 1 / sqrt(2)
  }
  template <typename T>
  DLENGINE_HOST_DEVICE static T value(T x) {
    return x * share_below(x);
  }
  template <typename T>
  DLENGINE_HOST_DEVICE static T slope(T x) {
    const T density = T(0.3989422804014327) * std::exp(T(-0.5) * x * x);  // 1 / sqrt(2 pi)
    return share_below(x) + x * density;
  }
};

struct GeluTanh {
  static constexpr bool kSlopeFromResult = false;
  template <typename T>
  DLENGINE_HOST_DEVICE static T inner(T x) {
    return std::tanh(T(0.7978845608028654) * (x + T(0.044715) * x * x * x));  // sqrt(2 / pi)
  }
  template <typename T>
  DLENGINE_HOST_DEVICE static T value(T x) {
    return T(0.5) * x * (T(1) + inner(x));
  }
  template <typename T>
  DLENGINE_HOST_DEVICE static T slope(T x) {
    const T t = inner(x);
    const T inner_slope = T(0.7978845608028654) * (T(1) + T(3 * 0.044715) * x * x);
    return T(0.5) * (T(1) + t) + T(0.5) * x * (T(1) - t * t) * inner_slope;
  }
};

struct Silu {
  static constexpr bool kSlopeFromResult = false;
  template <typename T>
  DLENGINE_HOST_DEVICE static T value(T x) {
    return x * Sigmoid::value(x);
  }
  template <typename T>
  DLENGINE_HOST_DEVICE static T slope(T x) {
    const T s = Sigmoid::value(x);
    return s * (T(1) + x * (T(1) - s));
  }
};

/// log(1 + exp(beta x)) / beta; with beta = -1 the logarithm of the sigmoid.
template <typename A>
struct Softplus {
  A beta;
  static constexpr bool kSlopeFromResult = false;
  DLENGINE_HOST_DEVICE A value(A x) const {
    const A z = beta * x;
    return (Relu::value(z) + std::log1p(std::exp(-std::abs(z)))) / beta;
  }
  DLENGINE_HOST_DEVICE A slope(A x) const { return Sigmoid::value(beta * x); }
};

/// x tanh(softplus(x))
struct Mish {
  static constexpr bool kSlopeFromResult = false;
  template <typename T>
  DLENGINE_HOST_DEVICE static T factor(T x) {
    return std::tanh(Softplus<T>{T(1)}.value(x));
  }
  template <typename T>
  DLENGINE_HOST_DEVICE static T value(T x) {
    return x * factor(x);
  }
  template <typename T>
  DLENGINE_HOST_DEVICE static T slope(T x) {
    const T f = factor(x);
    return f + x * Sigmoid::value(x) * (T(1) - f * f);
  }
};

struct Softsign {
  static constexpr bool kSlopeFromResult = false;
  template <typename T>
  DLENGINE_HOST_DEVICE static T value(T x) {
    return x / (T(1) + std::abs(x));
  }
  template <typename T>
  DLENGINE_HOST_DEVICE static T slope(T x) {
    const T d = T(1) + std::abs(x);
    return T(1) / (d * d);
  }
};

/// x cut to low .. high. The slope is 1 at both ends, too, as of PyTorch's clamp.
template <typename A>
struct Clip {
  A low, high;
  static constexpr bool kTakesIntegers = true;
  static constexpr bool kSlopeFromResult = false;
  DLENGINE_HOST_DEVICE A value(A x) const {
    const A raised = x < low ? low : x;  // these orders keep NaN
    return raised > high ? high : raised;
  }
  DLENGINE_HOST_DEVICE A slope(A x) const { return A(x >= low) * A(x <= high); }
};

/// The same with slope 0 at both ends, as of PyTorch's hardtanh and relu6.
template <typename A>
struct Hardtanh {
  A low, high;
  static constexpr bool kTakesIntegers = true;
  static constexpr bool kSlopeFromResult = false;
  DLENGINE_HOST_DEVICE A value(A x) const { return Clip<A>{low, high}.value(x); }
  DLENGINE_HOST_DEVICE A slope(A x) const { return A(x > low) * A(x < high); }
};

struct Hardsigmoid {
  static constexpr bool kSlopeFromResult = false;
  template <typename T>
  DLENGINE_HOST_DEVICE static T value(T x) {
    return Clip<T>{T(0), T(6)}.value(x + T(3)) / T(6);
  }
  template <typename T>
  DLENGINE_HOST_DEVICE static T slope(T x) {
    return x > T(-3) && x < T(3) ? T(1) / T(6) : T(0);
  }
};

struct Hardswish {
  static constexpr bool kSlopeFromResult = false;
  template <typename T>
  DLENGINE_HOST_DEVICE static T value(T x) {
    return x * Hardsigmoid::value(x);
  }
  template <typename T>
  DLENGINE_HOST_DEVICE static T slope(T x) {
    return x <= T(-3) ? T(0) : x < T(3) ? x / T(3) + T(0.5) : T(1);
  }
};

}  // namespace dlengine::functions

// Arithmetic, comparisons and functions of single elements.
//
// Two operands broadcast by NumPy's rule (trailing axes aligned) and are promoted to one type;
// docs/numerics.md has the table. They must be on one device: nothing is moved silently. Throws ShapeError,
// DTypeError, DeviceError.
#pragma once

#include "dlengine/core/tensor.h"

namespace dlengine {

// Grads of these: both operands. Types: numeric. Integer division by zero gives 0.
Tensor add(const Tensor& a, const Tensor& b);
Tensor sub(const Tensor& a, const Tensor& b);
Tensor mul(const Tensor& a, const Tensor& b);
Tensor div(const Tensor& a, const Tensor& b);      // integers: rounded towards 0
Tensor maximum(const Tensor& a, const Tensor& b);  // where equal, each operand gets half of the gradient
Tensor minimum(const Tensor& a, const Tensor& b);
Tensor pow(const Tensor& a, const Tensor& b);  // floating; the gradient of b needs a > 0
Tensor pow(const Tensor& a, double b);         // integers to a whole power >= 0 stay integers

inline Tensor operator+(const Tensor& a, const Tensor& b) { return add(a, b); }
inline Tensor operator-(const Tensor& a, const Tensor& b) { return sub(a, b); }
inline Tensor operator*(const Tensor& a, const Tensor& b) { return mul(a, b); }
inline Tensor operator/(const Tensor& a, const Tensor& b) { return div(a, b); }

// With a number as an operand: keeps x's type, but integers become f32 where a number is not whole. Grads: x.
// maximum, minimum and where take a number that the integer type does not hold for its nearest end.
Tensor maximum(const Tensor& x, double b);
Tensor minimum(const Tensor& x, double b);
Tensor scale_shift(const Tensor& x, double scale, double shift);  // x * scale + shift
Tensor operator-(const Tensor& x);
Tensor operator+(const Tensor& x, double b);
Tensor operator-(const Tensor& x, double b);
Tensor operator-(double a, const Tensor& x);
Tensor operator*(const Tensor& x, double b);
inline Tensor operator+(double a, const Tensor& x) { return x + a; }
inline Tensor operator*(double a, const Tensor& x) { return x * a; }
Tensor operator/(const Tensor& x, double b);
Tensor operator/(double a, const Tensor& x);

// Comparisons give bool and no gradient. A number is rounded to x's type if that is floating; else x is
// compared in i64, or in f32 where the number is not whole.
Tensor equal(const Tensor& a, const Tensor& b);
Tensor not_equal(const Tensor& a, const Tensor& b);
Tensor less(const Tensor& a, const Tensor& b);
Tensor less_equal(const Tensor& a, const Tensor& b);
Tensor greater(const Tensor& a, const Tensor& b);
Tensor greater_equal(const Tensor& a, const Tensor& b);
Tensor equal(const Tensor& x, double b);
Tensor not_equal(const Tensor& x, double b);
Tensor less(const Tensor& x, double b);
Tensor less_equal(const Tensor& x, double b);
Tensor greater(const Tensor& x, double b);
Tensor greater_equal(const Tensor& x, double b);

/// condition ? a : b, element by element, all three broadcast. condition is bool. Grads: a, b.
Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b);
Tensor where(const Tensor& condition, const Tensor& a, double b);
Tensor where(const Tensor& condition, double a, const Tensor& b);

// Functions of one element; activations are in activation.h. Grads: x. Types: floating; abs, square, sign,
// floor, ceil and round keep integers, the others compute them in f32.
Tensor abs(const Tensor& x);  // slope 0 at 0
Tensor exp(const Tensor& x);
Tensor expm1(const Tensor& x);  // exp(x) - 1, exact near 0
Tensor log(const Tensor& x);
Tensor log1p(const Tensor& x);  // log(1 + x), exact near 0
Tensor sqrt(const Tensor& x);
Tensor rsqrt(const Tensor& x);  // 1 / sqrt(x)
Tensor square(const Tensor& x);
Tensor reciprocal(const Tensor& x);
Tensor sign(const Tensor& x);  // -1, 0 or 1
Tensor sin(const Tensor& x);
Tensor cos(const Tensor& x);
Tensor erf(const Tensor& x);
// Rounded to whole numbers, with slope 0.
Tensor floor(const Tensor& x);
Tensor ceil(const Tensor& x);
Tensor round(const Tensor& x);  // halves to the even neighbour, as in NumPy

// Questions about each element: bool, and no gradient. Types: any.
Tensor isnan(const Tensor& x);
Tensor isinf(const Tensor& x);
Tensor isfinite(const Tensor& x);

}  // namespace dlengine

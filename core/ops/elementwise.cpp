// Arithmetic, comparisons and functions of single elements.
#include "dlengine/core/ops/elementwise.h"

#include <array>
#include <cmath>
#include <string_view>

#include "dlengine/core/autograd.h"
#include "dlengine/core/backend.h"
#include "dlengine/core/check.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/ops/common.h"

namespace dlengine {

namespace {

/// The operation on operands that are of one type; off the tape.
Tensor compute(BinaryOp op, const char* name, const Tensor& a, const Tensor& b) {
  if (a.shape() == b.shape()) {
    Tensor y = empty_result(a.shape(), {&a, &b});
    backend_for(a.device()).binary(op, a, b, y);
    return y;
  }
  const Shape shape = broadcast_shapes(name, a.shape(), b.shape());
  Tensor y = empty_result(shape, {&a, &b});
  backend_for(a.device()).binary(op, broadcast_view(a, shape), broadcast_view(b, shape), y);
  return y;
}

using Operands = std::array<Tensor, 2>;

/// Both operands in the type in which the operation computes.
Operands promoted(const char* name, const Tensor& a, const Tensor& b) {
  check_operands(name, {&a, &b});
  if (a.dtype() == b.dtype()) return {a, b};
  const DType type = promote(a.dtype(), b.dtype());
  return {a.to(type), b.to(type)};
}

Operands promoted_numeric(const char* name, const Tensor& a, const Tensor& b) {
  Operands operands = promoted(name, a, b);
  if (operands[0].dtype() == DType::boolean) throw_unsupported_dtype(name, DType::boolean, "a numeric type");
  return operands;
}

/// x, or x in f32 if it is of integers and meets numbers that are not.
Tensor fit_for(const char* op, const Tensor& x, bool whole) {
  check_operands(op, {&x});
  if (is_floating(x.dtype())) return x;
  if (x.dtype() == DType::boolean) throw_unsupported_dtype(op, x.dtype(), "a numeric type");
  return whole ? x : x.to(DType::f32);
}

/// x and a number as the operand beside it.
Operands with_number(const char* op, const Tensor& given, double number) {
  const Tensor x = fit_for(op, given, is_integer(number));
  return {x, scalar(number, x.dtype(), x.device())};
}

}  // namespace

Tensor add(const Tensor& x1, const Tensor& x2) {
  const Operands operands = promoted_numeric("add", x1, x2);
  const auto& [a, b] = operands;
  return record("add", compute(BinaryOp::add, "add", a, b), operands, [](const Tensor& dy, InputGrads& dx) {
    if (dx.wants(0)) dx.add(0, sum_to(dy, dx.shape(0)));
    if (dx.wants(1)) dx.add(1, sum_to(dy, dx.shape(1)));
  });
}

Tensor sub(const Tensor& x1, const Tensor& x2) {
  const Operands operands = promoted_numeric("sub", x1, x2);
  const auto& [a, b] = operands;
  return record("sub", compute(BinaryOp::sub, "sub", a, b), operands, [](const Tensor& dy, InputGrads& dx) {
    if (dx.wants(0)) dx.add(0, sum_to(dy, dx.shape(0)));
    if (dx.wants(1)) dx.add(1, sum_to(-dy, dx.shape(1)));
  });
}

Tensor mul(const Tensor& x1, const Tensor& x2) {
  const Operands operands = promoted_numeric("mul", x1, x2);
  const auto& [a, b] = operands;
  return record("mul", compute(BinaryOp::mul, "mul", a, b), operands,
                [a = Saved(a), b = Saved(b)](const Tensor& dy, InputGrads& dx) {
                  if (dx.wants(0)) dx.add(0, sum_to(dy * b.get(), a.get().shape()));
                  if (dx.wants(1)) dx.add(1, sum_to(dy * a.get(), b.get().shape()));
                });
}

Tensor div(const Tensor& x1, const Tensor& x2) {
  const Operands operands = promoted_numeric("div", x1, x2);
  const auto& [a, b] = operands;
  return record("div", compute(BinaryOp::div, "div", a, b), operands,
                [a = Saved(a), b = Saved(b)](const Tensor& dy, InputGrads& dx) {
                  const Tensor da = dy / b.get();
                  if (dx.wants(0)) dx.add(0, sum_to(da, a.get().shape()));
                  if (dx.wants(1)) dx.add(1, sum_to(-(da * (a.get() / b.get())), b.get().shape()));
                });
}

namespace {

/// maximum and minimum: each operand gets the gradient where it won, and half of it where both are equal.
Tensor extreme(BinaryOp op, const char* name, const Tensor& x1, const Tensor& x2) {
  const Operands operands = promoted_numeric(name, x1, x2);
  const auto& [a, b] = operands;
  return record(name, compute(op, name, a, b), operands,
                [op, a = Saved(a), b = Saved(b)](const Tensor& dy, InputGrads& dx) {
                  const bool larger = op == BinaryOp::maximum;
                  const Tensor a_wins = larger ? greater(a.get(), b.get()) : less(a.get(), b.get());
                  const Tensor ties = equal(a.get(), b.get());
                  const Tensor share = a_wins.to(dy.dtype()) + ties.to(dy.dtype()) * 0.5;
                  if (dx.wants(0)) dx.add(0, sum_to(dy * share, a.get().shape()));
                  if (dx.wants(1)) dx.add(1, sum_to(dy * (1 - share), b.get().shape()));
                });
}

}  // namespace

Tensor maximum(const Tensor& a, const Tensor& b) { return extreme(BinaryOp::maximum, "maximum", a, b); }
Tensor minimum(const Tensor& a, const Tensor& b) { return extreme(BinaryOp::minimum, "minimum", a, b); }
Tensor maximum(const Tensor& x, double b) {
  const auto [a, number] = with_number("maximum", x, b);
  return maximum(a, number);
}
Tensor minimum(const Tensor& x, double b) {
  const auto [a, number] = with_number("minimum", x, b);
  return minimum(a, number);
}

Tensor pow(const Tensor& x1, const Tensor& x2) {
  const Operands operands = promoted("pow", x1, x2);
  const auto& [a, b] = operands;
  check_one_floating_type("pow", {&a});
  const Tensor y = compute(BinaryOp::pow, "pow", a, b);
  return record("pow", y, operands,
                [a = Saved(a), b = Saved(b), y = Saved(y.detach())](const Tensor& dy, InputGrads& dx) {
                  if (dx.wants(0)) {
                    // Where b is 0 the power is 1 throughout, but a^(b - 1) may be infinite.
                    const Tensor none = zeros_like(b.get());
                    const Tensor slope =
                        where(equal(b.get(), none), none, b.get() * pow(a.get(), b.get() - 1));
                    dx.add(0, sum_to(dy * slope, a.get().shape()));
                  }
                  if (dx.wants(1)) {
                    // Where a is 0 the power does not move with b (b > 0), but its logarithm is infinite.
                    const Tensor slope = where(equal(y.get(), zeros_like(y.get())), zeros_like(y.get()),
                                               y.get() * log(a.get()));
                    dx.add(1, sum_to(dy * slope, b.get().shape()));
                  }
                });
}

namespace {

/// By squaring; exact as far as the type holds the powers.
Tensor whole_power(Tensor base, uint64_t exponent) {
  Tensor result = ones_like(base);
  for (; exponent > 0; exponent /= 2) {
    if (exponent % 2 == 1) result = result * base;
    if (exponent > 1) base = base * base;
  }
  return result;
}

}  // namespace

Tensor pow(const Tensor& base, double b) {
  const bool whole = is_integer(b) && b >= 0;
  const Tensor a = fit_for("pow", base, whole);
  if (!is_floating(a.dtype())) return whole_power(a, static_cast<uint64_t>(b));
  return pow(a, scalar(b, a.dtype(), a.device()));
}

namespace {

/// x * scale + shift in the name of the operation that it is.
Tensor scaled(const char* name, const Tensor& given, double scale, double shift) {
  const Tensor x = fit_for(name, given, is_integer(scale) && is_integer(shift));
  Tensor y = empty_like(x);
  backend_for(x.device()).scale_shift(x, scale, shift, y);
  return record(name, y, {x}, [scale](const Tensor& dy, InputGrads& dx) {
    dx.add(0, scale == 1 ? dy : scale_shift(dy, scale, 0));
  });
}

}  // namespace

Tensor scale_shift(const Tensor& x, double scale, double shift) {
  return scaled("scale_shift", x, scale, shift);
}

Tensor operator-(const Tensor& x) { return scaled("neg", x, -1, 0); }
Tensor operator+(const Tensor& x, double b) { return scaled("add", x, 1, b); }
Tensor operator-(const Tensor& x, double b) { return scaled("sub", x, 1, -b); }
Tensor operator-(double a, const Tensor& x) { return scaled("sub", x, -1, a); }
Tensor operator*(const Tensor& x, double b) { return scaled("mul", x, b, 0); }

// Where it gives the same bits, as for a power of two, one multiplication does; 16-bit types multiply in f32.
Tensor operator/(const Tensor& given, double b) {
  const Tensor x = fit_for("div", given, is_integer(b));
  int exponent = 0;
  const bool is_power = std::abs(std::frexp(b, &exponent)) == 0.5 && std::abs(exponent) < 100;
  const bool multiplies = is_floating(x.dtype()) && (is_power || size_of(x.dtype()) == 2);
  return multiplies ? scaled("div", x, 1 / b, 0) : div(x, scalar(b, x.dtype(), x.device()));
}

Tensor operator/(double a, const Tensor& given) {
  const Tensor x = fit_for("div", given, is_integer(a));
  return div(scalar(a, x.dtype(), x.device()), x);
}

namespace {

Tensor compare(CompareOp op, const char* name, const Tensor& x1, const Tensor& x2) {
  const NoGrad no_grad;
  const Operands operands = promoted(name, x1, x2);
  const auto& [a, b] = operands;
  const Shape shape = broadcast_shapes(name, a.shape(), b.shape());
  Tensor y = empty(shape, DType::boolean, a.device());
  backend_for(a.device()).compare(op, broadcast_view(a, shape), broadcast_view(b, shape), y);
  return y;
}

Tensor compare(CompareOp op, const char* name, const Tensor& given, double b) {
  const NoGrad no_grad;
  const Tensor x = fit_for(name, given, is_integer(b));
  const Tensor wide = is_floating(x.dtype()) ? x : x.to(DType::i64);  // x's type may not hold the number
  return compare(op, name, wide, scalar(b, wide.dtype(), wide.device()));
}

}  // namespace

Tensor equal(const Tensor& a, const Tensor& b) { return compare(CompareOp::eq, "equal", a, b); }
Tensor not_equal(const Tensor& a, const Tensor& b) { return compare(CompareOp::ne, "not_equal", a, b); }
Tensor less(const Tensor& a, const Tensor& b) { return compare(CompareOp::lt, "less", a, b); }
Tensor less_equal(const Tensor& a, const Tensor& b) { return compare(CompareOp::le, "less_equal", a, b); }
Tensor greater(const Tensor& a, const Tensor& b) { return compare(CompareOp::gt, "greater", a, b); }
Tensor greater_equal(const Tensor& a, const Tensor& b) {
  return compare(CompareOp::ge, "greater_equal", a, b);
}
Tensor equal(const Tensor& x, double b) { return compare(CompareOp::eq, "equal", x, b); }
Tensor not_equal(const Tensor& x, double b) { return compare(CompareOp::ne, "not_equal", x, b); }
Tensor less(const Tensor& x, double b) { return compare(CompareOp::lt, "less", x, b); }
Tensor less_equal(const Tensor& x, double b) { return compare(CompareOp::le, "less_equal", x, b); }
Tensor greater(const Tensor& x, double b) { return compare(CompareOp::gt, "greater", x, b); }
Tensor greater_equal(const Tensor& x, double b) { return compare(CompareOp::ge, "greater_equal", x, b); }

Tensor where(const Tensor& condition, const Tensor& x1, const Tensor& x2) {
  check_operands("where", {&condition, &x1, &x2});
  check<DTypeError>(condition.dtype() == DType::boolean, "where: the condition is {}, need bool",
                    condition.dtype());
  const Operands operands = promoted("where", x1, x2);
  const auto& [a, b] = operands;
  const Shape shape =
      broadcast_shapes("where", broadcast_shapes("where", a.shape(), b.shape()), condition.shape());
  Tensor y = empty_result(shape, {&a, &b});
  backend_for(a.device())
      .where(broadcast_view(condition, shape), broadcast_view(a, shape), broadcast_view(b, shape), y);
  return record("where", y, operands, [condition = Saved(condition)](const Tensor& dy, InputGrads& dx) {
    const Tensor none = scalar(0, dy.dtype(), dy.device());
    if (dx.wants(0)) dx.add(0, sum_to(where(condition.get(), dy, none), dx.shape(0)));
    if (dx.wants(1)) dx.add(1, sum_to(where(condition.get(), none, dy), dx.shape(1)));
  });
}

Tensor where(const Tensor& condition, const Tensor& a, double b) {
  const auto [x, number] = with_number("where", a, b);
  return where(condition, x, number);
}

Tensor where(const Tensor& condition, double a, const Tensor& b) {
  const auto [x, number] = with_number("where", b, a);
  return where(condition, number, x);
}

Tensor abs(const Tensor& x) { return unary(UnaryOp::abs, "abs", x, Takes::numeric); }
Tensor exp(const Tensor& x) { return unary(UnaryOp::exp, "exp", x, Takes::promoted); }
Tensor expm1(const Tensor& x) { return unary(UnaryOp::expm1, "expm1", x, Takes::promoted); }
Tensor log(const Tensor& x) { return unary(UnaryOp::log, "log", x, Takes::promoted); }
Tensor log1p(const Tensor& x) { return unary(UnaryOp::log1p, "log1p", x, Takes::promoted); }
Tensor sqrt(const Tensor& x) { return unary(UnaryOp::sqrt, "sqrt", x, Takes::promoted); }
Tensor rsqrt(const Tensor& x) { return unary(UnaryOp::rsqrt, "rsqrt", x, Takes::promoted); }
Tensor square(const Tensor& x) { return unary(UnaryOp::square, "square", x, Takes::numeric); }
Tensor reciprocal(const Tensor& x) { return unary(UnaryOp::reciprocal, "reciprocal", x, Takes::promoted); }
Tensor sign(const Tensor& x) { return unary(UnaryOp::sign, "sign", x, Takes::numeric); }
Tensor sin(const Tensor& x) { return unary(UnaryOp::sin, "sin", x, Takes::promoted); }
Tensor cos(const Tensor& x) { return unary(UnaryOp::cos, "cos", x, Takes::promoted); }
Tensor erf(const Tensor& x) { return unary(UnaryOp::erf, "erf", x, Takes::promoted); }
Tensor floor(const Tensor& x) { return unary(UnaryOp::floor, "floor", x, Takes::numeric); }
Tensor ceil(const Tensor& x) { return unary(UnaryOp::ceil, "ceil", x, Takes::numeric); }
Tensor round(const Tensor& x) { return unary(UnaryOp::round, "round", x, Takes::numeric); }

namespace {

/// compare(abs(x), infinity), or `of_integers` for types that have none.
Tensor compare_with_infinity(CompareOp op, const char* name, const Tensor& x, bool of_integers) {
  check_operands(name, {&x});
  if (!is_floating(x.dtype())) return full(x.shape(), of_integers, DType::boolean, x.device());
  const Tensor infinity = scalar(INFINITY, x.dtype(), x.device());
  return compare(op, name, abs(x.detach()), infinity);
}

}  // namespace

Tensor isnan(const Tensor& x) { return compare(CompareOp::ne, "isnan", x, x); }
Tensor isinf(const Tensor& x) { return compare_with_infinity(CompareOp::eq, "isinf", x, false); }
Tensor isfinite(const Tensor& x) { return compare_with_infinity(CompareOp::lt, "isfinite", x, true); }

}  // namespace dlengine

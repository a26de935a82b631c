// Boolean logic, and whether elements are nearly equal.
#include "dlengine/core/ops/logic.h"

#include "dlengine/core/autograd.h"
#include "dlengine/core/check.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/ops/common.h"
#include "dlengine/core/ops/elementwise.h"
#include "dlengine/core/ops/reduce.h"

namespace dlengine {

namespace {

Tensor truth_of(const Tensor& x) { return x.detach().to(DType::boolean); }
Tensor truth_value(bool value, Device device) { return scalar(value, DType::boolean, device); }

void check_masks(const char* op, std::initializer_list<const Tensor*> masks) {
  check_operands(op, masks);
  for (const Tensor* mask : masks) {
    if (mask->dtype() != DType::boolean) throw_unsupported_dtype(op, mask->dtype(), "bool");
  }
}

}  // namespace

Tensor logical_and(const Tensor& a, const Tensor& b) {
  check_operands("logical_and", {&a, &b});
  broadcast_shapes("logical_and", a.shape(), b.shape());
  return where(truth_of(a), truth_of(b), truth_value(false, a.device()));
}

Tensor logical_or(const Tensor& a, const Tensor& b) {
  check_operands("logical_or", {&a, &b});
  broadcast_shapes("logical_or", a.shape(), b.shape());
  return where(truth_of(a), truth_value(true, a.device()), truth_of(b));
}

Tensor logical_xor(const Tensor& a, const Tensor& b) {
  check_operands("logical_xor", {&a, &b});
  broadcast_shapes("logical_xor", a.shape(), b.shape());
  return not_equal(truth_of(a), truth_of(b));
}

Tensor logical_not(const Tensor& x) {
  check_operands("logical_not", {&x});
  return equal(x, scalar(0, x.dtype(), x.device()));
}

Tensor operator&(const Tensor& a, const Tensor& b) {
  check_masks("operator&", {&a, &b});
  return logical_and(a, b);
}

Tensor operator|(const Tensor& a, const Tensor& b) {
  check_masks("operator|", {&a, &b});
  return logical_or(a, b);
}

Tensor operator^(const Tensor& a, const Tensor& b) {
  check_masks("operator^", {&a, &b});
  return logical_xor(a, b);
}

Tensor operator~(const Tensor& x) {
  check_masks("operator~", {&x});
  return logical_not(x);
}

Tensor isclose(const Tensor& a, const Tensor& b, double rtol, double atol, bool equal_nan) {
  check_operands("isclose", {&a, &b});
  broadcast_shapes("isclose", a.shape(), b.shape());
  check<ValueError>(rtol >= 0 && atol >= 0, "isclose: need tolerances of 0 or more, got rtol {} and atol {}",
                    rtol, atol);
  const NoGrad no_grad;
  const Tensor x = a.to(DType::f64), y = b.to(DType::f64);
  const Tensor distance = abs(x - y);
  const Tensor close =
      equal(x, y) | (isfinite(distance) & less_equal(distance, scale_shift(abs(y), rtol, atol)));
  return equal_nan ? close | (isnan(x) & isnan(y)) : close;
}

bool allclose(const Tensor& a, const Tensor& b, double rtol, double atol, bool equal_nan) {
  return all(isclose(a, b, rtol, atol, equal_nan)).item<bool>();
}

}  // namespace dlengine

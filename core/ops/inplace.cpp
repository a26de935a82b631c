// Arithmetic in place: computed off the tape, then copied.
#include "dlengine/core/ops/inplace.h"

#include <initializer_list>

#include "dlengine/core/autograd.h"
#include "dlengine/core/check.h"
#include "dlengine/core/ops/common.h"
#include "dlengine/core/ops/elementwise.h"

namespace dlengine {

namespace {

/// compute() written over the first operand.
template <typename F>
Tensor in_place(const char* op, std::initializer_list<const Tensor*> operands, const F& compute) {
  Tensor x = **operands.begin();
  check_operands(op, operands);
  for (const Tensor* operand : operands) {
    check<AutogradError>(
        !needs_grad({operand, 1}),
        "{}: an operand is on the tape, which does not see what is written in place; compute a "
        "new tensor (x = x + y), or write inside of a NoGrad",
        op);
  }
  const NoGrad no_grad;
  const Tensor result = compute();
  check<ShapeError>(result.shape() == x.shape(), "{}: the result {} does not fit into x {}", op,
                    result.shape(), x.shape());
  check<DTypeError>(is_floating(x.dtype()) || !is_floating(result.dtype()),
                    "{}: the result is {}, which x of {} does not take", op, result.dtype(), x.dtype());
  return x.copy_(result);
}

}  // namespace

Tensor add_(const Tensor& x, const Tensor& y) {
  return in_place("add_", {&x, &y}, [&] { return x + y; });
}
Tensor sub_(const Tensor& x, const Tensor& y) {
  return in_place("sub_", {&x, &y}, [&] { return x - y; });
}
Tensor mul_(const Tensor& x, const Tensor& y) {
  return in_place("mul_", {&x, &y}, [&] { return x * y; });
}
Tensor div_(const Tensor& x, const Tensor& y) {
  return in_place("div_", {&x, &y}, [&] { return x / y; });
}
Tensor add_(const Tensor& x, double y) {
  return in_place("add_", {&x}, [&] { return x + y; });
}
Tensor sub_(const Tensor& x, double y) {
  return in_place("sub_", {&x}, [&] { return x - y; });
}
Tensor mul_(const Tensor& x, double y) {
  return in_place("mul_", {&x}, [&] { return x * y; });
}
Tensor div_(const Tensor& x, double y) {
  return in_place("div_", {&x}, [&] { return x / y; });
}

}  // namespace dlengine

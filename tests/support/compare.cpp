// Comparison of results with references.
#include "tests/support/compare.h"

#include <cmath>

namespace dlengine::test {
namespace {

// Smallest positive number: what a result too small for the type is rounded by.
double smallest(DType dtype) { return dtype == DType::f16 ? 0x1p-24 : 0x1p-133; }

std::string position(const Shape& shape, int64_t flat) {
  Dims index = Dims::filled(shape.rank(), 0);
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    index[axis] = flat % shape[axis];
    flat /= shape[axis];
  }
  return to_string(index);
}

// How many tolerances x is away; infinity where one of the two is not finite and they differ.
double distance(double got, double want, const Tolerance& tolerance) {
  if (std::isnan(got) && std::isnan(want)) return 0;
  if (got == want) return 0;
  const double error = std::abs(got - want);
  const double allowed = tolerance.relative * std::abs(want) + tolerance.absolute;
  return std::isfinite(error) && std::isfinite(want) && allowed > 0 ? error / allowed : INFINITY;
}

}  // namespace

double eps(DType dtype) {
  switch (dtype) {
    case DType::f16: return 0x1p-10;
    case DType::bf16: return 0x1p-7;
    case DType::f32: return 0x1p-23;
    case DType::f64: return 0x1p-52;
    case DType::u8:
    case DType::i32:
    case DType::i64:
    case DType::boolean: break;
  }
  return 0;
}

double accumulate_eps(DType dtype) {
  const double own = eps(dtype);
  return own > eps(DType::f32) ? eps(DType::f32) : own;
}

Tolerance tolerance(DType dtype, const ErrorBudget& budget) {
  const double absolute =
      budget.magnitude * (2 * budget.terms * accumulate_eps(dtype) + budget.roundings * eps(dtype));
  return {eps(dtype) + 4 * accumulate_eps(dtype), absolute + smallest(dtype)};
}

void expect_close(const NdArray& got, const NdArray& want, const Tolerance& tolerance) {
  ASSERT_EQ(to_string(got.shape), to_string(want.shape));
  int64_t worst = -1;
  double largest = 1;
  for (int64_t i = 0; i < want.numel(); ++i) {
    const double tolerances = distance(got[i], want[i], tolerance);
    if (tolerances > largest) {
      largest = tolerances;
      worst = i;
    }
  }
  if (worst < 0) return;
  ADD_FAILURE() << "element " << position(want.shape, worst) << " of " << to_string(want.shape) << " is "
                << got[worst] << " instead of " << want[worst] << ", " << largest << " times the tolerance";
}

void expect_close(const Tensor& got, const NdArray& want, const Tolerance& tolerance) {
  ASSERT_TRUE(got.defined());
  expect_close(to_ndarray(got), want, tolerance);
}

void expect_same(const Tensor& got, const NdArray& want) { expect_close(got, want, Tolerance{}); }

void expect_same(const Tensor& got, const std::vector<double>& want) {
  ASSERT_TRUE(got.defined());
  ASSERT_EQ(got.numel(), static_cast<int64_t>(want.size()));
  expect_same(got, NdArray(got.shape(), want));
}

}  // namespace dlengine::test

// The gradient checker: it must pass right gradients and find wrong ones.
#include "dlengine/core/gradcheck.h"

#include <cmath>

#include "dlengine/core/autograd.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/ops/activation.h"
#include "dlengine/core/ops/elementwise.h"
#include "dlengine/core/ops/matmul.h"
#include "dlengine/core/ops/reduce.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"

namespace dlengine::test {
namespace {

using Inputs = std::vector<Tensor>;

Tensor leaf(const Shape& shape, Device device = kCpu) {
  Generator generator(1);
  return rand(shape, 0.5, 1.5, DType::f64, device, generator).set_requires_grad();
}

// x^2 with a slope that is wrong by `factor` at element `at`.
Tensor crooked_square(const Tensor& x, int64_t at, double factor) {
  const Tensor slope = x.detach() * 2.0;
  slope.flatten().slice(0, at, at + 1).copy_(slope.flatten().slice(0, at, at + 1) * factor);
  return record("crooked_square", square(x.detach()), {x},
                [slope](const Tensor& dy, InputGrads& dx) { dx.add(0, dy * slope); });
}

TEST(NumericalGradient, FindsSlopes) {
  const Tensor x = to_tensor(NdArray({2, 2}, {1, 2, 3, 4}), DType::f64);
  const Tensor slope = numerical_gradient([](const Tensor& t) { return sum(t * t * t).item<double>(); }, x);
  expect_close(slope, NdArray({2, 2}, {3, 12, 27, 48}), {.relative = 1e-8});
}

TEST(NumericalGradient, KeepsTypeAndDevice) {
  const auto cubes = [](const Tensor& t) { return sum(t * t * t).item<double>(); };
  for (const Device device : devices()) {
    for (const DType dtype : {DType::f32, DType::f64}) {
      const Tensor x = to_tensor(NdArray({3}, {1, -2, 0.5}), dtype).to(device);
      const Tensor slope = numerical_gradient(cubes, x);
      EXPECT_EQ(slope.dtype(), dtype);
      EXPECT_EQ(slope.device(), device);
      // In f32: the step's square, 1e-4, and roundings of f, 1e-6 of its size of 9, over 2h = 0.02.
      expect_close(slope, NdArray({3}, {3, 12, 0.75}), {.absolute = dtype == DType::f32 ? 1e-3 : 1e-7});
      expect_same(x, std::vector<double>{1, -2, 0.5});
    }
  }
}

// The course's step of 1e-4 leaves f32 hardly a digit where the function is large.
TEST(NumericalGradient, TheTextbooksStepIsTooSmallForF32) {
  const auto f = [](const Tensor& t) { return (sum(t * t) + 1000.0).item<double>(); };
  const Tensor x = tensor({3});
  const auto error = [&](double h) { return std::abs(numerical_gradient(f, x, h).item<double>() - 6); };
  EXPECT_LT(error(0), 0.01);
  EXPECT_GT(error(1e-4), 0.1);
}

TEST(NumericalGradient, RefusesOtherTypesAndSteps) {
  const auto f = [](const Tensor& t) { return t.item<double>(); };
  expect_throw<DTypeError>([&] { numerical_gradient(f, arange(0, 1).to(DType::i64)); },
                           {"need f32 or f64", "i64"});
  expect_throw<DTypeError>([&] { numerical_gradient(f, tensor({1}).to(DType::f16)); }, {"f16"});
  expect_throw<ValueError>([&] { numerical_gradient(f, tensor({1}), -1); }, {"step above 0", "-1"});
}

TEST(Gradcheck, PassesRightGradients) {
  for (const Device device : devices()) {
    const auto f = [](const Inputs& in) { return matmul(tanh(in[0]), in[1]) / in[2]; };
    const GradcheckResult result =
        gradcheck(f, {leaf({3, 4}, device), leaf({4, 2}, device), leaf({2}, device)});
    EXPECT_TRUE(result.passed);
    EXPECT_LT(result.worst_error, 1e-6);
  }
}

TEST(Gradcheck, FindsOneWrongElement) {
  const auto f = [](const Inputs& in) { return in[0] + crooked_square(in[1], 4, 1.01); };
  expect_throw<ValueError>(
      [&] {
        gradcheck(f, {leaf({2, 3}), leaf({2, 3})});
      },
      {"input 1", "element 4", "[2, 3]"});
  const GradcheckResult result = gradcheck(f, {leaf({2, 3}), leaf({2, 3})}, {.throw_on_failure = false});
  EXPECT_FALSE(result.passed);
  EXPECT_GT(result.worst_error, 1e-3);
}

TEST(Gradcheck, FindsNanAndMissingGradients) {
  const auto nan = [](const Inputs& in) { return crooked_square(in[0], 0, NAN); };
  EXPECT_FALSE(gradcheck(nan, {leaf({3})}, {.throw_on_failure = false}).passed);
  const auto missing = [](const Inputs& in) { return in[0] * 1.0 + square(in[1].detach()); };
  EXPECT_FALSE(gradcheck(missing, {leaf({3}), leaf({3})}, {.throw_on_failure = false}).passed);
}

TEST(Gradcheck, LeavesInputsWithoutGradientAlone) {
  const auto f = [](const Inputs& in) { return in[0] * crooked_square(in[1], 0, 5); };
  EXPECT_TRUE(gradcheck(f, {leaf({3}), leaf({3}).detach()}).passed);
}

TEST(Gradcheck, NeedsF64) {
  Tensor x = tensor({1}).set_requires_grad();
  expect_throw<DTypeError>([&] { gradcheck([](const Inputs& in) { return in[0]; }, {x}); },
                           {"gradcheck", "f32"});
}

}  // namespace
}  // namespace dlengine::test

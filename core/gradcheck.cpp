// Numerical gradients.
#include "dlengine/core/gradcheck.h"

#include <cmath>

#include "dlengine/core/autograd.h"
#include "dlengine/core/check.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/ops/elementwise.h"
#include "dlengine/core/ops/reduce.h"

namespace dlengine {

namespace {

template <typename T>
Tensor central_differences(const std::function<double(const Tensor&)>& f, const Tensor& x, T h) {
  const NoGrad no_grad;
  Tensor probe = x.detach().to(kCpu).clone();
  Tensor gradient = empty(x.shape(), x.dtype());
  T* const at = probe.data<T>();
  T* const slope = gradient.data<T>();
  const auto value_at = [&](T& element, T place) {
    element = place;
    return f(x.device() == kCpu ? probe : probe.to(x.device()));
  };
  for (int64_t i = 0; i < probe.numel(); ++i) {
    const T centre = at[i];
    const T right = centre + h, left = centre - h;  // as they are rounded: their distance need not be 2h
    const double difference = value_at(at[i], right) - value_at(at[i], left);
    at[i] = centre;
    slope[i] = static_cast<T>(difference / (double(right) - double(left)));
  }
  return gradient.to(x.device());
}

}  // namespace

Tensor numerical_gradient(const std::function<double(const Tensor&)>& f, const Tensor& x, double h) {
  x.check_defined("numerical_gradient");
  check<DTypeError>(x.dtype() == DType::f64 || x.dtype() == DType::f32,
                    "numerical_gradient: need f32 or f64, got {}", x.dtype());
  check<ValueError>(h >= 0, "numerical_gradient: need a step above 0, or 0 for the usual one, got {}", h);
  if (x.dtype() == DType::f32) return central_differences<float>(f, x, static_cast<float>(h > 0 ? h : 1e-2));
  return central_differences<double>(f, x, h > 0 ? h : 1e-5);
}

namespace {

/// Compares one input's gradients and keeps the worst element in result.
void compare(size_t input, const Tensor& tape, const Tensor& numerical, GradcheckResult& result) {
  const std::vector<double> got = tape.to_vector<double>();
  const std::vector<double> expected = numerical.to_vector<double>();
  for (size_t i = 0; i < expected.size(); ++i) {
    const double error = std::abs(got[i] - expected[i]) / std::max(1.0, std::abs(expected[i]));
    if (error <= result.worst_error) continue;  // false for NaN, which so counts as worst
    result.worst_error = error;
    result.message =
        fmt::format("gradcheck: input {}, element {} of {}: the tape gives {}, central differences {}", input,
                    i, tape.shape(), got[i], expected[i]);
    if (std::isnan(error)) return;
  }
}

}  // namespace

GradcheckResult gradcheck(const std::function<Tensor(const std::vector<Tensor>&)>& f,
                          const std::vector<Tensor>& inputs, const GradcheckOptions& options) {
  std::vector<Tensor> leaves;
  for (const Tensor& input : inputs) {
    const bool checked = input.requires_grad();
    check<DTypeError>(!checked || input.dtype() == DType::f64, "gradcheck: inputs must be f64, got {}",
                      input.dtype());
    Tensor leaf = input.detach().clone();
    leaves.push_back(checked ? leaf.set_requires_grad() : leaf);
  }
  const Tensor y = f(leaves);
  Generator generator(0);
  const Tensor weights = rand(y.shape(), 0.5, 1.5, DType::f64, kCpu, generator).to(y.device());
  sum(y * weights).backward();

  GradcheckResult result;
  for (size_t i = 0; i < leaves.size(); ++i) {
    if (!leaves[i].requires_grad()) continue;
    const auto value = [&](const Tensor& probe) {
      std::vector<Tensor> arguments = leaves;
      arguments[i] = probe;
      return sum(f(arguments) * weights).item<double>();
    };
    const Tensor numerical = numerical_gradient(value, leaves[i].detach(), options.step);
    const Tensor tape = leaves[i].grad().defined() ? leaves[i].grad() : zeros_like(leaves[i]);
    compare(i, tape, numerical, result);
    if (std::isnan(result.worst_error)) break;
  }
  result.passed = result.worst_error <= options.tolerance;
  if (!result.passed && options.throw_on_failure) throw ValueError(result.message);
  return result;
}

}  // namespace dlengine

// Numerical gradients, and the check of the tape against them.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "dlengine/core/tensor.h"

namespace dlengine {

/// Central differences of a scalar function: (f(x + h) - f(x - h)) / 2h for every element of x, in x's type
/// and on its device. h = 0 stands for 1e-5 in f64, and for 1e-2 in f32, where differences of a step as small
/// as 1e-5 would be rounding alone: expect 3 correct digits. Types: f32, f64. Throws DTypeError; ValueError
/// for a step below 0.
Tensor numerical_gradient(const std::function<double(const Tensor&)>& f, const Tensor& x, double h = 0);

struct GradcheckOptions {
  double step = 1e-5;
  double tolerance = 1e-6;  // largest |tape - numerical| / max(1, |numerical|)
  bool throw_on_failure = true;
};

struct GradcheckResult {
  bool passed = true;
  double worst_error = 0;
  std::string message;  // which element of which input was worst, with both values
};

/// Compares backward() of sum(f(inputs) * random weights) with central differences, for every input that
/// requires a gradient. Inputs must be f64 and on one device. Throws ValueError with the worst element if it
/// fails. Needs only a function, so it checks custom operations, layers and losses alike.
GradcheckResult gradcheck(const std::function<Tensor(const std::vector<Tensor>&)>& f,
                          const std::vector<Tensor>& inputs, const GradcheckOptions& options = {});

}  // namespace dlengine

// Numerical gradients, and the check of the tape against them.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "dlengine/core/tensor.h"

namespace dlengine {

/// Central differences of a scalar function: (f(x + h) - f(x - h)) / 2h for every element of x.
/// x must be f64 on the CPU: f32 has too few digits for a useful difference. Throws DTypeError.
Tensor numerical_gradient(const std::function<double(const Tensor&)>& f, const Tensor& x, double h = 1e-5);

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

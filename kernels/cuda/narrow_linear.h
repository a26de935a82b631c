// Layers of few outputs, such as classifiers: too narrow for a library's matrix product.
#pragma once

#include "dlengine/core/backend.h"

namespace dlengine::cuda {

/// All wanted gradients in one kernel, as Backend::linear_grad(). False, and nothing was done, for layers
/// that are not narrow.
bool narrow_linear_grad(const Tensor& dy, const Tensor& x, const Tensor& weight, Backend::LinearGrads& grads);

}  // namespace dlengine::cuda

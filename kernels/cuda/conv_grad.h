// Internal: the parts of a convolution's backward pass that are kernels of our own.
#pragma once

#include "dlengine/core/op_params.h"
#include "dlengine/core/tensor.h"

namespace dlengine::cuda {

/// db [K]: the sum of dz [N, K, P, Q] over all axes but K, in one pass with dz: dy where y > 0, else 0. y may
/// be undefined; then dz is dy, and is not written.
void bias_grad(const Tensor& dy, const Tensor& y, Tensor& dz, Tensor& db);

/// True for filters of so few pixels and channels that filter_grad() computes their gradient.
bool has_filter_grad(const Tensor& x, const Tensor& w, const Tensor& dy);
/// The gradients of the filters and of the bias, which may be undefined; y as in bias_grad().
struct FilterGradients {
  Tensor &dw, &db;
};
void filter_grad(const Tensor& dy, const Tensor& y, const Tensor& x, const Conv2dParams& params,
                 FilterGradients result);

}  // namespace dlengine::cuda

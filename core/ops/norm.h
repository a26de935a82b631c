// Batch normalisation. Ioffe and Szegedy, arXiv:1502.03167.
#pragma once

#include "dlengine/core/op_params.h"
#include "dlengine/core/tensor.h"

namespace dlengine {

struct BatchNormParams {
  bool training = true;   // normalise by the batch; else by the running statistics
  double momentum = 0.1;  // share of the new value in the running statistics (PyTorch's convention)
  double eps = 1e-5;
  Activation activation = Activation::none;
};

/// y = activation((x - mean) / sqrt(variance + eps) * weight + bias), for each channel of x [N, C, ...].
///
/// Shapes: weight, bias [C], or undefined for 1 and 0; running_mean, running_var [C], or undefined in
/// training. Types:  x floating; the others f32 (f64 if x is f64). Statistics are summed in that type. State:
/// in training the running statistics are updated in place; their new variance is the unbiased one. Grads: x,
/// weight, bias. Throws: ShapeError, DTypeError, DeviceError; ValueError in training with one value per
/// channel.
Tensor batch_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& running_mean,
                  const Tensor& running_var, const BatchNormParams& params = {});

}  // namespace dlengine

// Normalisation over a batch (Ioffe and Szegedy, arXiv:1502.03167), a layer (Ba, Kiros, Hinton,
// arXiv:1607.06450), groups of channels (Wu and He, arXiv:1803.08494) and single channels (Ulyanov, Vedaldi,
// Lempitsky, arXiv:1607.08022).
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

// The other three normalise each sample by itself, so they are the same in training and in evaluation:
// y = (x - mean) / sqrt(variance + eps) * weight + bias, the variance being the biased one. Types: floating,
// one for all; statistics of 16-bit floats are summed in f32. Grads: x, weight, bias. Throws: ShapeError,
// DTypeError, DeviceError, ValueError.

/// Over the last axes of x [.., S], S = normalized; weight, bias S or undefined. A single value becomes 0.
Tensor layer_norm(const Tensor& x, const Shape& normalized, const Tensor& weight = {},
                  const Tensor& bias = {}, double eps = 1e-5);

/// Over groups of neighbouring channels of x [N, C, ...]; weight, bias [C] or undefined. With one group it is
/// the layer norm of all channels, with C groups the instance norm. A group of a single value is refused.
Tensor group_norm(const Tensor& x, int64_t groups, const Tensor& weight = {}, const Tensor& bias = {},
                  double eps = 1e-5);

}  // namespace dlengine

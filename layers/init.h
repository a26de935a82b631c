// Initial values of weights, and the rule that counts fans.
#pragma once

#include <cstdint>

#include "dlengine/core/factory.h"
#include "dlengine/core/tensor.h"

namespace dlengine {

/// How a layer draws its weight and bias.
enum class Init : uint8_t {
  torch,  // weight and bias uniform in +-1/sqrt(fan_in), as PyTorch's Linear and Conv2d
  keras,  // weight Xavier (Glorot) uniform, bias 0, as Keras's Dense and Conv2D
  he,     // weight Kaiming (He) normal for ReLU, bias 0
};

/// Inputs and outputs of one unit.
struct Fans {
  int64_t in = 0;
  int64_t out = 0;
};

/// From a weight [out, in] or filters [out, in/groups, R, S], whose taps count in both. Throws ShapeError
/// below rank 2.
Fans fans(const Shape& weight);

enum class FanMode : uint8_t { in, out };  // keep the variance of the values, or of the gradients

struct KaimingOptions {
  double gain =
      1.4142135623730951;  // sqrt(2), for ReLU; 1 for a linear layer (the textbook's Xavier, sqrt(1/fan_in))
  FanMode mode = FanMode::in;
};

/// Uniform in +-gain * sqrt(3 / fan). f32 on the CPU. He, Zhang, Ren, Sun, arXiv:1502.01852.
Tensor kaiming_uniform(const Shape& shape, const KaimingOptions& options = {},
                       Generator& generator = default_generator());
/// Normal with deviation gain / sqrt(fan). f32 on the CPU.
Tensor kaiming_normal(const Shape& shape, const KaimingOptions& options = {},
                      Generator& generator = default_generator());

/// Uniform in +-gain * sqrt(6 / (fan_in + fan_out)). f32 on the CPU. Glorot and Bengio, AISTATS 2010.
Tensor xavier_uniform(const Shape& shape, double gain = 1, Generator& generator = default_generator());
/// Normal with deviation gain * sqrt(2 / (fan_in + fan_out)). f32 on the CPU.
Tensor xavier_normal(const Shape& shape, double gain = 1, Generator& generator = default_generator());

/// The slope that kaiming_*() takes for a leaky ReLU with this slope below 0: sqrt(2 / (1 + slope^2)).
double leaky_relu_gain(double slope);

/// A layer's weight of the given shape, drawn from default_generator() as `init` says. f32 on the CPU.
Tensor initial_weight(Init init, const Shape& shape);
/// Its bias, one number per output.
Tensor initial_bias(Init init, const Shape& weight);

/// A drawn value as a parameter in its place. Drawing in f32 on the CPU first makes the start the same
/// everywhere.
Tensor as_parameter(const Tensor& value, DType dtype, Device device);

}  // namespace dlengine

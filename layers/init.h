// Initial values of weights, and the rule that counts fans. All are drawn in f32 on the CPU.
#pragma once

#include <cstdint>
#include <functional>

#include "dlengine/core/factory.h"
#include "dlengine/core/tensor.h"

namespace dlengine {

class Module;

/// How a layer draws its weight and bias: Linear({.out_features = 10, .init = Init::normal(0.01)}). The bias
/// is 0, but with Init::torch. As a function it gives a weight of a shape, for initialise().
struct Init {
  enum class Rule : uint8_t {
    torch,
    constant,
    uniform,
    normal,
    truncated_normal,
    kaiming_uniform,
    kaiming_normal,
    xavier_uniform,
    xavier_normal,
    orthogonal
  };
  Rule rule = Rule::torch;
  double number = 0;

  static const Init torch;  // weight and bias uniform in +-1/sqrt(fan_in), as PyTorch's Linear and Conv2d
  static const Init keras;  // Xavier (Glorot) uniform, as Keras's Dense and Conv2D
  static const Init he;     // Kaiming (He) normal for ReLU
  static const Init zeros;  // do not: all units of a layer then stay equal
  static constexpr Init constant(double value) { return {Rule::constant, value}; }
  static constexpr Init uniform(double bound) { return {Rule::uniform, bound}; }  // in +-bound
  static constexpr Init normal(double deviation) { return {Rule::normal, deviation}; }
  /// Without values beyond two deviations, as Keras's TruncatedNormal.
  static constexpr Init truncated_normal(double deviation) { return {Rule::truncated_normal, deviation}; }
  static constexpr Init kaiming_uniform(double gain) { return {Rule::kaiming_uniform, gain}; }
  static constexpr Init kaiming_normal(double gain) { return {Rule::kaiming_normal, gain}; }
  static constexpr Init xavier_uniform(double gain = 1) { return {Rule::xavier_uniform, gain}; }
  static constexpr Init xavier_normal(double gain = 1) { return {Rule::xavier_normal, gain}; }
  static constexpr Init orthogonal(double gain = 1) { return {Rule::orthogonal, gain}; }

  /// Drawn from default_generator().
  Tensor operator()(const Shape& weight) const;
  friend constexpr bool operator==(const Init&, const Init&) = default;
};

inline constexpr double kReluGain = 1.4142135623730951;  // sqrt(2)

inline constexpr Init Init::torch{Rule::torch, 0};
inline constexpr Init Init::keras{Rule::xavier_uniform, 1};
inline constexpr Init Init::he{Rule::kaiming_normal, kReluGain};
inline constexpr Init Init::zeros{Rule::constant, 0};

/// Gives every weight of the model, that is every parameter of two axes or more, the values that the function
/// has for its shape, in the order of the layers: initialise(net, Init::orthogonal()), or a function of your
/// own. Other parameters, as biases, stay as they are. Throws ShapeError for values of another shape, and as
/// Module::named_parameters().
void initialise(Module& model, const std::function<Tensor(const Shape&)>& values);

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
  double gain = kReluGain;  // 1 for a linear layer (the textbook's Xavier, sqrt(1/fan_in))
  FanMode mode = FanMode::in;
};

/// Uniform in +-gain * sqrt(3 / fan). He, Zhang, Ren, Sun, arXiv:1502.01852.
Tensor kaiming_uniform(const Shape& shape, const KaimingOptions& options = {},
                       Generator& generator = default_generator());
/// Normal with deviation gain / sqrt(fan).
Tensor kaiming_normal(const Shape& shape, const KaimingOptions& options = {},
                      Generator& generator = default_generator());

/// Uniform in +-gain * sqrt(6 / (fan_in + fan_out)). Glorot and Bengio, AISTATS 2010.
Tensor xavier_uniform(const Shape& shape, double gain = 1, Generator& generator = default_generator());
/// Normal with deviation gain * sqrt(2 / (fan_in + fan_out)).
Tensor xavier_normal(const Shape& shape, double gain = 1, Generator& generator = default_generator());

/// The slope that kaiming_*() takes for a leaky ReLU with this slope below 0: sqrt(2 / (1 + slope^2)).
double leaky_relu_gain(double slope);

struct TruncatedNormalOptions {
  double mean = 0;
  double deviation = 1;
  double low = -2;  // PyTorch's: not in deviations
  double high = 2;
};

/// Normal, drawn anew outside of [low, high]. Throws ValueError if that holds less than a tenth of the normal
/// distribution.
Tensor truncated_normal(const Shape& shape, const TruncatedNormalOptions& options = {},
                        Generator& generator = default_generator());

/// gain times a matrix [shape[0], all other axes] whose rows (columns, if it has fewer of them) have length 1
/// and are orthogonal, all such matrices being equally likely: the Q of a normal matrix whose R has a
/// positive diagonal, computed in f64. Throws ShapeError below rank 2. Saxe, McClelland, Ganguli,
/// arXiv:1312.6120.
Tensor orthogonal(const Shape& shape, double gain = 1, Generator& generator = default_generator());

/// A layer's weight of the given shape, drawn from default_generator() as `init` says.
Tensor initial_weight(const Init& init, const Shape& shape);
/// Its bias, one number per output; the outputs are the weight's first axis unless given.
Tensor initial_bias(const Init& init, const Shape& weight, int64_t outputs = 0);

/// A drawn value as a parameter in its place. Drawing in f32 on the CPU first makes the start the same
/// everywhere.
Tensor as_parameter(const Tensor& value, DType dtype, Device device);

}  // namespace dlengine

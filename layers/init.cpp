// Initialisers: one draw from a generator, scaled by the fans.
#include "dlengine/layers/init.h"

#include <cmath>

#include "dlengine/core/autograd.h"
#include "dlengine/core/check.h"

namespace dlengine {
namespace {

// A uniform distribution in +-bound has the deviation bound / sqrt(3).
Tensor uniform_with_deviation(const Shape& shape, double deviation, Generator& generator) {
  const double bound = std::sqrt(3.0) * deviation;
  return rand(shape, -bound, bound, DType::f32, kCpu, generator);
}

Tensor normal_with_deviation(const Shape& shape, double deviation, Generator& generator) {
  return randn(shape, 0, deviation, DType::f32, kCpu, generator);
}

double kaiming_deviation(const Shape& shape, const KaimingOptions& options) {
  const auto [in, out] = fans(shape);
  return options.gain / std::sqrt(static_cast<double>(options.mode == FanMode::in ? in : out));
}

double xavier_deviation(const Shape& shape, double gain) {
  const auto [in, out] = fans(shape);
  return gain * std::sqrt(2.0 / static_cast<double>(in + out));
}

}  // namespace

Fans fans(const Shape& weight) {
  check<ShapeError>(weight.rank() >= 2 && weight.product() > 0,
                    "init: need a weight [out, in, ...] that is not empty, got {}", weight);
  const int64_t taps = weight.product() / (weight[0] * weight[1]);
  return {.in = weight[1] * taps, .out = weight[0] * taps};
}

Tensor kaiming_uniform(const Shape& shape, const KaimingOptions& options, Generator& generator) {
  return uniform_with_deviation(shape, kaiming_deviation(shape, options), generator);
}

Tensor kaiming_normal(const Shape& shape, const KaimingOptions& options, Generator& generator) {
  return normal_with_deviation(shape, kaiming_deviation(shape, options), generator);
}

Tensor xavier_uniform(const Shape& shape, double gain, Generator& generator) {
  return uniform_with_deviation(shape, xavier_deviation(shape, gain), generator);
}

Tensor xavier_normal(const Shape& shape, double gain, Generator& generator) {
  return normal_with_deviation(shape, xavier_deviation(shape, gain), generator);
}

double leaky_relu_gain(double slope) { return std::sqrt(2 / (1 + slope * slope)); }

Tensor initial_weight(Init init, const Shape& shape) {
  switch (init) {
    case Init::torch: return kaiming_uniform(shape, {.gain = leaky_relu_gain(std::sqrt(5.0))});
    case Init::keras: return xavier_uniform(shape);
    case Init::he: return kaiming_normal(shape);
  }
  fail<ValueError>("init: no such rule: {}", static_cast<int>(init));
}

Tensor initial_bias(Init init, const Shape& weight) {
  if (init != Init::torch) return zeros({weight[0]});
  const double bound = 1 / std::sqrt(static_cast<double>(fans(weight).in));
  return rand({weight[0]}, -bound, bound);
}

Tensor as_parameter(const Tensor& value, DType dtype, Device device) {
  check<DTypeError>(is_floating(dtype), "the first input is {}, need a floating type", dtype);
  const NoGrad no_grad;
  return value.to(dtype).to(device).set_requires_grad();
}

}  // namespace dlengine

// Initialisers: one draw from a generator, scaled by the fans.
#include "dlengine/layers/init.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>
#include <vector>

#include "dlengine/core/autograd.h"
#include "dlengine/core/check.h"
#include "dlengine/layers/module.h"

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

// Gram and Schmidt, twice over so that rounding is of no matter: of each vector, what lies along the ones
// before it goes away, and the rest gets length 1.
void make_orthonormal(std::vector<double>& vectors, size_t length) {
  const auto dot = [&](const double* a, const double* b) {
    return std::inner_product(a, a + length, b, 0.0);
  };
  for (double* vector = vectors.data(); vector < vectors.data() + vectors.size(); vector += length) {
    for (int pass = 0; pass < 2; ++pass) {
      for (const double* before = vectors.data(); before < vector; before += length) {
        const double along = dot(before, vector);
        for (size_t i = 0; i < length; ++i) vector[i] -= along * before[i];
      }
    }
    const double size = std::sqrt(dot(vector, vector));
    for (size_t i = 0; i < length; ++i) vector[i] /= size;
  }
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

Tensor truncated_normal(const Shape& shape, const TruncatedNormalOptions& options, Generator& generator) {
  const auto& [mean, deviation, low, high] = options;
  const auto below = [&](double value) { return std::erfc((mean - value) / (deviation * kReluGain)) / 2; };
  const double share = deviation > 0 ? below(high) - below(low) : 0;
  check<ValueError>(
      share >= 0.1,
      "truncated_normal: [{}, {}] must hold a tenth or more of a normal distribution with mean {} "
      "and a deviation > 0, got {}",
      low, high, mean, deviation);
  Tensor y = randn(shape, mean, deviation, DType::f32, kCpu, generator);
  const std::span<float> values(y.data<float>(), static_cast<size_t>(y.numel()));
  const auto outside = [low = low, high = high](float value) { return !(value >= low && value <= high); };
  while (std::any_of(values.begin(), values.end(), outside)) {
    const Tensor again = randn(shape, mean, deviation, DType::f32, kCpu, generator);
    const float* other = again.data<float>();
    for (size_t i = 0; i < values.size(); ++i) {
      if (outside(values[i])) values[i] = other[i];
    }
  }
  return y;
}

Tensor orthogonal(const Shape& shape, double gain, Generator& generator) {
  check<ShapeError>(shape.rank() >= 2 && shape.product() > 0,
                    "orthogonal: need a weight [out, in, ...] that is not empty, got {}", shape);
  const int64_t rows = shape[0], columns = shape.product() / rows, length = std::max(rows, columns);
  const Tensor normal = randn({rows, columns}, 0, 1, DType::f64, kCpu, generator);
  std::vector<double> vectors =
      (rows >= columns ? normal.transpose(0, 1) : normal).to_vector<double>();  // of that length, one by one
  make_orthonormal(vectors, static_cast<size_t>(length));
  for (double& value : vectors) value *= gain;
  const Tensor q = from_vector(vectors, {std::min(rows, columns), length});
  return (rows >= columns ? q.transpose(0, 1) : q).to(DType::f32).reshape(shape);
}

Tensor initial_weight(const Init& init, const Shape& shape) {
  const double number = init.number;
  switch (init.rule) {
    case Init::Rule::torch: return kaiming_uniform(shape, {.gain = leaky_relu_gain(std::sqrt(5.0))});
    case Init::Rule::constant: return full(shape, number);
    case Init::Rule::uniform: return rand(shape, -number, number);
    case Init::Rule::normal: return randn(shape, 0, number);
    case Init::Rule::truncated_normal:
      return truncated_normal(shape, {.deviation = number, .low = -2 * number, .high = 2 * number});
    case Init::Rule::kaiming_uniform: return kaiming_uniform(shape, {.gain = number});
    case Init::Rule::kaiming_normal: return kaiming_normal(shape, {.gain = number});
    case Init::Rule::xavier_uniform: return xavier_uniform(shape, number);
    case Init::Rule::xavier_normal: return xavier_normal(shape, number);
    case Init::Rule::orthogonal: return orthogonal(shape, number);
  }
  fail<ValueError>("init: no such rule: {}", static_cast<int>(init.rule));
}

Tensor initial_bias(const Init& init, const Shape& weight, int64_t outputs) {
  const Shape shape = {outputs > 0 ? outputs : weight[0]};
  if (init.rule != Init::Rule::torch) return zeros(shape);
  const double bound = 1 / std::sqrt(static_cast<double>(fans(weight).in));
  return rand(shape, -bound, bound);
}

Tensor Init::operator()(const Shape& weight) const { return initial_weight(*this, weight); }

void initialise(Module& model, const std::function<Tensor(const Shape&)>& values) {
  const NoGrad no_grad;
  for (auto& [name, parameter] : model.named_parameters()) {
    if (parameter.rank() < 2) continue;
    const Tensor value = values(parameter.shape());
    check<ShapeError>(value.shape() == parameter.shape(), "initialise: {} is {}, the values for it are {}",
                      name, parameter.shape(), value.shape());
    parameter.copy_(value.to(parameter.dtype()).to(parameter.device()));
  }
}

Tensor as_parameter(const Tensor& value, DType dtype, Device device) {
  check<DTypeError>(is_floating(dtype), "the first input is {}, need a floating type", dtype);
  const NoGrad no_grad;
  return value.to(dtype).to(device).set_requires_grad();
}

}  // namespace dlengine

// Fully connected layer.
#include "dlengine/layers/linear.h"

#include "dlengine/core/check.h"
#include "dlengine/core/ops/matmul.h"

namespace dlengine {

Linear::Linear(const LinearOptions& options) : options_(options) {
  check<ValueError>(
      options.out_features > 0 && options.in_features >= 0,
      "Linear: need out_features >= 1 and in_features >= 0 (0: found at the first input), got {} and {}",
      options.out_features, options.in_features);
}

std::string Linear::description() const {
  const int64_t in = options_.in_features;
  return fmt::format("{} -> {}{}", in > 0 ? std::to_string(in) : "?", options_.out_features,
                     options_.bias ? "" : ", no bias");
}

void Linear::make(int64_t in_features, DType dtype, Device device) {
  check<ShapeError>(in_features > 0, "linear: the input has no features");
  const Shape shape = {options_.out_features, in_features};
  weight_ = as_parameter(initial_weight(options_.init, shape), dtype, device);
  if (options_.bias) bias_ = as_parameter(initial_bias(options_.init, shape), dtype, device);
  options_.in_features = in_features;
}

void Linear::build() {
  if (!weight_.defined() && options_.in_features > 0) make(options_.in_features, DType::f32, kCpu);
}

Tensor Linear::forward_with(const Ending& ending, const Tensor& x) {
  if (!weight_.defined()) {
    check<ShapeError>(x.rank() >= 1, "linear: need x [.., I], got {}", x.shape());
    const int64_t given = options_.in_features;
    make(given > 0 ? given : x.dim(-1), x.dtype(), x.device());
  }
  return forward_affine(affine(), ending, x);
}

Tensor Linear::forward_affine(const Affine& weights, const Ending& ending, const Tensor& x) {
  return linear(x, weights.weight, weights.bias, ending);
}

void Linear::visit(ModuleVisitor& visitor) {
  visitor.parameter("weight", weight_);
  if (options_.bias) visitor.parameter("bias", bias_);
}

int64_t Linear::flops(const Shape& /*input*/, const Shape& output) const {
  return 2 * output.product() * options_.in_features;
}

}  // namespace dlengine

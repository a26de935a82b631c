// Batch normalisation layers.
#include "dlengine/layers/batch_norm.h"

#include <cmath>

#include "dlengine/core/check.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/ops/elementwise.h"
#include "dlengine/core/ops/norm.h"
#include "dlengine/layers/init.h"

namespace dlengine {

BatchNorm::BatchNorm(const BatchNormOptions& options) : options_(options) {
  check<ValueError>(options.num_features >= 0,
                    "BatchNorm: need num_features >= 0 (0: found at the first input), got {}",
                    options.num_features);
  check<ValueError>(
      options.eps > 0 && std::isfinite(options.eps) && options.momentum >= 0 && options.momentum <= 1,
      "BatchNorm: need eps > 0 and 0 <= momentum <= 1, got {} and {}", options.eps, options.momentum);
}

std::string BatchNorm::description() const {
  const BatchNormOptions usual;
  std::string words = options_.num_features > 0 ? std::to_string(options_.num_features) : "?";
  if (options_.eps != usual.eps) words += fmt::format(", eps {}", options_.eps);
  if (options_.momentum != usual.momentum) words += fmt::format(", momentum {}", options_.momentum);
  return words + (options_.affine ? "" : ", not affine");
}

DType BatchNorm::parameter_type(DType compute) const {
  return compute == DType::f64 ? DType::f64 : DType::f32;
}

void BatchNorm::make(int64_t num_features, DType dtype, Device device) {
  const Shape shape = {num_features};
  const DType type = parameter_type(dtype);
  if (options_.affine) {
    weight_ = as_parameter(ones(shape), type, device);
    bias_ = as_parameter(zeros(shape), type, device);
  }
  running_mean_ = zeros(shape, type, device);
  running_var_ = ones(shape, type, device);
  options_.num_features = num_features;
}

void BatchNorm::build() {
  if (!running_mean_.defined() && options_.num_features > 0) make(options_.num_features, DType::f32, kCpu);
}

Tensor BatchNorm::forward_with(const Ending& ending, const Tensor& x) {
  check_input(x.shape());
  if (!running_mean_.defined()) {
    make(options_.num_features > 0 ? options_.num_features : x.dim(1), x.dtype(), x.device());
  }
  return batch_norm(x, weight_, bias_, running_mean_, running_var_,
                    {.training = training(),
                     .momentum = options_.momentum,
                     .eps = options_.eps,
                     .activation = ending.activation});
}

ChannelMap BatchNorm::channel_map() const {
  if (!running_mean_.defined()) return {};
  const Tensor inv_std = reciprocal(sqrt(running_var_ + options_.eps));
  const Tensor scale = options_.affine ? weight_ * inv_std : inv_std;
  const Tensor shift = -(running_mean_ * scale);
  return {scale, options_.affine ? shift + bias_ : shift};
}

bool BatchNorm::is_frozen() const {
  return weight_.defined() && !weight_.requires_grad() && !bias_.requires_grad();
}

void BatchNorm::visit(ModuleVisitor& visitor) {
  if (options_.affine) {
    visitor.parameter("weight", weight_);
    visitor.parameter("bias", bias_);
  }
  visitor.buffer("running_mean", running_mean_);
  visitor.buffer("running_var", running_var_);
}

void train_unfrozen(Module& model) {
  model.train();
  for (const NamedModule& below : model.modules()) {
    const auto* const norm = dynamic_cast<const BatchNorm*>(below.module);
    if (norm && norm->is_frozen()) below.module->eval();
  }
}

void BatchNorm1d::check_input(const Shape& x) const {
  check<ShapeError>(x.rank() == 2 || x.rank() == 3, "batch_norm: need x [N, C] or [N, C, L], got {}", x);
}

void BatchNorm2d::check_input(const Shape& x) const {
  check<ShapeError>(x.rank() == 4, "batch_norm: need images [N, C, H, W], got {}", x);
}

void BatchNorm3d::check_input(const Shape& x) const {
  check<ShapeError>(x.rank() == 5, "batch_norm: need volumes [N, C, D, H, W], got {}", x);
}

}  // namespace dlengine

// Layers that normalise each sample by itself.
#include "dlengine/layers/sample_norm.h"

#include <algorithm>
#include <cmath>

#include "dlengine/core/factory.h"
#include "dlengine/core/ops/norm.h"
#include "dlengine/layers/describe.h"
#include "dlengine/layers/init.h"

namespace dlengine {

SampleNorm::SampleNorm(const char* name, double eps, bool affine) : eps_(eps), affine_(affine) {
  check<ValueError>(eps > 0 && std::isfinite(eps), "{}: need eps > 0, got {}", name, eps);
}

std::string SampleNorm::description() const {
  constexpr double kUsualEps = 1e-5;
  return size_in_words() + (eps_ == kUsualEps ? "" : fmt::format(", eps {}", eps_)) +
         (affine_ ? "" : ", not affine");
}

void SampleNorm::make(const Shape& shape, DType dtype, Device device) {
  if (!affine_) return;
  weight_ = as_parameter(ones(shape), dtype, device);
  bias_ = as_parameter(zeros(shape), dtype, device);
}

void SampleNorm::build() {
  const Shape shape = known_shape();
  if (!weight_.defined() && !shape.empty()) make(shape, DType::f32, kCpu);
}

Tensor SampleNorm::forward(const Tensor& x) {
  const Shape shape = learn_shape(x.shape());
  if (!weight_.defined()) make(shape, x.dtype(), x.device());
  return normalise(x, weight_, bias_, eps_);
}

void SampleNorm::visit(ModuleVisitor& visitor) {
  if (!affine_) return;
  visitor.parameter("weight", weight_);
  visitor.parameter("bias", bias_);
}

LayerNorm::LayerNorm(const LayerNormOptions& options)
    : SampleNorm("LayerNorm", options.eps, options.elementwise_affine), shape_(options.normalized_shape) {
  const bool positive = std::all_of(shape_.begin(), shape_.end(), [](int64_t size) { return size > 0; });
  check<ValueError>(!shape_.empty() && positive, "LayerNorm: need normalized_shape of sizes >= 1, got {}",
                    shape_);
}

std::string LayerNorm::size_in_words() const { return by_x(shape_); }

Tensor LayerNorm::normalise(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps) const {
  return layer_norm(x, shape_, weight, bias, eps);
}

GroupNorm::GroupNorm(const GroupNormOptions& options)
    : SampleNorm("GroupNorm", options.eps, options.affine),
      groups_(options.num_groups),
      channels_(options.num_channels) {
  check<ValueError>(groups_ > 0 && channels_ >= 0 && channels_ % groups_ == 0,
                    "GroupNorm: need num_groups >= 1 that divide num_channels (0: found at the first input), "
                    "got {} and {}",
                    groups_, channels_);
}

std::string GroupNorm::size_in_words() const {
  return fmt::format("{} groups of {}", groups_, text_or_unknown(channels_ / groups_));
}

Shape GroupNorm::learn_shape(const Shape& x) {
  check<ShapeError>(x.rank() >= 2 && x[1] > 0 && (channels_ == 0 ? x[1] % groups_ == 0 : x[1] == channels_),
                    "GroupNorm: need x [N, C, ...] with channels that {} groups divide, got {}", groups_, x);
  if (channels_ == 0) channels_ = x[1];
  return {channels_};
}

Tensor GroupNorm::normalise(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps) const {
  return group_norm(x, groups_, weight, bias, eps);
}

InstanceNorm::InstanceNorm(const char* name, int rank, const InstanceNormOptions& options)
    : SampleNorm(name, options.eps, options.affine), rank_(rank), channels_(options.num_features) {
  check<ValueError>(channels_ >= 0, "{}: need num_features >= 0 (0: found at the first input), got {}", name,
                    channels_);
}

std::string InstanceNorm::size_in_words() const { return text_or_unknown(channels_); }

Shape InstanceNorm::learn_shape(const Shape& x) {
  check<ShapeError>(x.rank() == rank_ && x[1] > 0 && (channels_ == 0 || x[1] == channels_),
                    "{}: need x [N, C, ...] of {} axes with {} channels, got {}", type_name(), rank_,
                    text_or_unknown(channels_), x);
  if (channels_ == 0) channels_ = x[1];
  return {channels_};
}

Tensor InstanceNorm::normalise(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps) const {
  return group_norm(x, x.dim(1), weight, bias, eps);
}

}  // namespace dlengine

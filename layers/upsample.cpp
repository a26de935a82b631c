// Up-sampling without weights.
#include "dlengine/layers/upsample.h"

#include "dlengine/core/shape_rules.h"
#include "dlengine/layers/describe.h"

namespace dlengine {

Upsample::Upsample(const InterpolateParams& options) : options_(options) {
  // A large image, from which something is left for every factor that makes sense.
  interpolate_shape({1, 1, int64_t{1} << 30, int64_t{1} << 30}, options);
}

std::string Upsample::description() const {
  const auto& [size, factor, mode, align_corners] = options_;
  return fmt::format("{}, {}{}", size.h > 0 ? "to " + text(size) : fmt::format("by {}", factor),
                     mode == InterpolateMode::nearest ? "nearest" : "bilinear",
                     align_corners ? ", align corners" : "");
}

Tensor Upsample::forward(const Tensor& x) {
  interpolate_shape(x.shape(), options_);  // checks
  return interpolate(x, tables_.of(x, options_));
}

InterpolateTables Upsample::Tables::of(const Tensor& x, const InterpolateParams& params) {
  const Key key{x.dim(2), x.dim(3), x.dtype(), x.device().kind, x.device().index};
  const std::lock_guard lock(mutex_);
  auto known = known_.find(key);
  if (known == known_.end()) known = known_.emplace(key, interpolate_tables(x, params)).first;
  return known->second;
}

Window Upsample::window(const Shape& input, const Shape& output) const {
  const int64_t seen = options_.mode == InterpolateMode::nearest ? 1 : 2;
  return {.extent = {seen, seen}, .stride = pixels_of(input), .enlarged = pixels_of(output)};
}

}  // namespace dlengine

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
  const Shape y = interpolate_shape(x.shape(), options_);  // also checks
  const Key key{x.dim(2), x.dim(3), x.dtype(), x.device().kind, x.device().index};
  auto known = tables_.find(key);
  if (known == tables_.end()) known = tables_.emplace(key, interpolate_tables(x, options_)).first;
  from_ = {x.dim(2), x.dim(3)};
  to_ = {y[2], y[3]};
  return interpolate(x, known->second);
}

Window Upsample::window() const {
  if (to_.empty()) return {};
  const int64_t seen = options_.mode == InterpolateMode::nearest ? 1 : 2;
  return {.extent = {seen, seen}, .stride = from_, .enlarged = to_};
}

}  // namespace dlengine

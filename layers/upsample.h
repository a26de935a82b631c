// Up-sampling without weights.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <tuple>

#include "dlengine/core/ops/interpolate.h"
#include "dlengine/layers/module.h"

namespace dlengine {

/// Resizes images [N, C, H, W] as interpolate() does: Upsample({.scale_factor = 2}), or
/// Upsample({.size = {32, 48}, .mode = InterpolateMode::bilinear}). Throws ValueError unless it is told
/// either a size or a factor.
class Upsample final : public Module {
 public:
  explicit Upsample(const InterpolateParams& options);
  std::string_view type_name() const override { return "Upsample"; }
  bool replayable() const override { return true; }
  std::string description() const override;
  Tensor forward(const Tensor& x) override;
  Window window() const override;

 private:
  using Key = std::tuple<int64_t, int64_t, DType, DeviceKind, int>;  // height, width, type, device

  InterpolateParams options_;
  std::map<Key, InterpolateTables> tables_;  // kept, so that steps can be recorded
  Dims from_, to_;                           // sizes of the last images
};

}  // namespace dlengine

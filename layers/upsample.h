// Up-sampling without weights.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

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
  Window window(const Shape& input, const Shape& output) const override;

 private:
  /// The tables of every kind of images there were, kept so that steps can be recorded. Threads share them.
  class Tables {
   public:
    Tables() = default;
    // Nobody uses a layer while it is moved, so the mutex can stay behind.
    Tables(Tables&& other) noexcept : known_(std::move(other.known_)) {}
    Tables& operator=(Tables&& other) noexcept {
      known_ = std::move(other.known_);
      return *this;
    }
    InterpolateTables of(const Tensor& x, const InterpolateParams& params);

   private:
    using Key = std::tuple<int64_t, int64_t, DType, DeviceKind, int>;  // height, width, type, device

    std::mutex mutex_;
    std::map<Key, InterpolateTables> known_;
  };

  InterpolateParams options_;
  Tables tables_;
};

}  // namespace dlengine

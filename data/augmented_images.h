// Images that are shifted and flipped at random each time that they are read.
#pragma once

#include <cstdint>

#include "dlengine/data/dataset.h"

namespace dlengine {

struct AugmentOptions {
  int64_t shift = 0;  // pixels at most, up, down, left and right; all shifts are as likely
  bool flip = false;  // left becomes right for every second image
};

/// The images of another data set, for training: it must outlive this one and give x f32 [N, C, H, W], as
/// pixels of u8 become. Pixels that a shift brings in are 0, so a shift is PyTorch's RandomCrop((H, W),
/// padding = shift). Draws from default_generator(), which the loader seeds for each batch (data/loader.h):
/// the same seed gives the same images.
class AugmentedImages final : public Dataset {
 public:
  /// Throws ValueError for a shift < 0.
  AugmentedImages(const Dataset& dataset, const AugmentOptions& options);
  AugmentedImages(const Dataset&& temporary, const AugmentOptions& options) = delete;
  int64_t size() const override { return dataset_.size(); }
  /// Throws ShapeError, DTypeError for samples that are no images.
  Batch get(std::span<const int64_t> indices) const override;

 private:
  const Dataset& dataset_;
  AugmentOptions options_;
};

}  // namespace dlengine

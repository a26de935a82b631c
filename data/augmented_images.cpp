// The part of a row that stays is copied, and the row turned around; one block of random words for each
// image.
#include "dlengine/data/augmented_images.h"

#include <algorithm>
#include <cstdlib>

#include "dlengine/core/check.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/philox.h"
#include "dlengine/core/random.h"

namespace dlengine {

namespace {

struct Change {
  int64_t down = 0, right = 0;
  bool flip = false;
};

Change draw(const AugmentOptions& options, const PhiloxKey& key, uint64_t image) {
  const PhiloxBlock random = philox(key, image);
  const auto shift = [&](uint32_t word) {
    const uint64_t choices = 2 * static_cast<uint64_t>(options.shift) + 1;
    return static_cast<int64_t>(word * choices >> 32) - options.shift;
  };
  return {shift(random.word[0]), shift(random.word[1]), options.flip && random.word[2] % 2 == 1};
}

/// Image number i of x [N, C, H, W], which may be strided; `to` is zero before.
void change_image(const Tensor& x, int64_t i, const Change& change, float* to) {
  const int64_t rows = x.dim(2), columns = x.dim(3);
  const Strides& strides = x.strides();
  const int64_t width = std::max<int64_t>(columns - std::abs(change.right), 0);  // of what stays in the image
  const int64_t source = std::max<int64_t>(-change.right, 0), target = std::max<int64_t>(change.right, 0);
  for (int64_t plane = 0; plane < x.dim(1); ++plane, to += rows * columns) {
    const float* from = x.data<float>() + i * strides[0] + plane * strides[1];
    for (int64_t row = 0; row < rows; ++row) {
      const int64_t below = row - change.down;  // the row that comes here
      if (below < 0 || below >= rows) continue;
      float* line = to + row * columns;
      for (int64_t column = 0; column < width; ++column) {
        line[target + column] = from[below * strides[2] + (source + column) * strides[3]];
      }
      if (change.flip) std::reverse(line, line + columns);
    }
  }
}

}  // namespace

AugmentedImages::AugmentedImages(const Dataset& dataset, const AugmentOptions& options)
    : dataset_(dataset), options_(options) {
  check<ValueError>(options.shift >= 0, "AugmentedImages: need a shift >= 0, got {}", options.shift);
}

Batch AugmentedImages::get(std::span<const int64_t> indices) const {
  const PhiloxKey key = default_generator().next_key();
  Batch batch = dataset_.get(indices);
  check<ShapeError>(batch.x.rank() == 4, "AugmentedImages: need x [N, C, H, W], got {}", batch.x.shape());
  check<DTypeError>(batch.x.dtype() == DType::f32, "AugmentedImages: need x of f32, got {}", batch.x.dtype());
  const Tensor images = batch.x;
  batch.x = empty(images.shape());
  float* to = batch.x.data<float>();
  std::fill_n(to, batch.x.numel(), 0.0f);
  const int64_t pixels = images.numel() / std::max<int64_t>(images.dim(0), 1);
  for (int64_t i = 0; i < images.dim(0); ++i, to += pixels) {
    change_image(images, i, draw(options_, key, static_cast<uint64_t>(i)), to);
  }
  return batch;
}

}  // namespace dlengine

// First along the rows, then along the columns.
#include "dlengine/data/resize_image.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "dlengine/core/samples.h"

namespace dlengine {

namespace {

/// The pixels that one pixel of the result is made of, and how much each counts.
struct Mix {
  int64_t first = 0;
  std::vector<float> weights;  // their sum is 1
};

/// Along one axis, from so many pixels to so many.
std::vector<Mix> mixes_of(int64_t from, int64_t to) {
  const double scale = static_cast<double>(from) / static_cast<double>(to);
  const double reach = std::max(scale, 1.0);
  std::vector<Mix> mixes(static_cast<size_t>(to));
  for (int64_t i = 0; i < to; ++i) {
    const double middle = (static_cast<double>(i) + 0.5) * scale;
    const int64_t first = std::max<int64_t>(std::llround(std::floor(middle - reach + 0.5)), 0);
    const int64_t end = std::min<int64_t>(std::llround(std::floor(middle + reach + 0.5)), from);
    std::vector<double> weights;
    double sum = 0;
    for (int64_t pixel = first; pixel < end; ++pixel) {
      const double distance = std::abs(static_cast<double>(pixel) + 0.5 - middle);
      weights.push_back(std::max(1 - distance / reach, 0.0));
      sum += weights.back();
    }
    Mix& mix = mixes[static_cast<size_t>(i)];
    mix.first = first;
    for (const double weight : weights) mix.weights.push_back(static_cast<float>(weight / sum));
  }
  return mixes;
}

/// A row of pixels becomes the row of `mixes`.
void mix_row(const uint8_t* row, const std::vector<Mix>& mixes, float* target) {
  for (const Mix& mix : mixes) {
    float sum = 0;
    const uint8_t* pixel = row + mix.first;
    for (const float weight : mix.weights) sum += weight * pixel_value(*pixel++);
    *target++ = sum;
  }
}

/// Whole rows of `width` numbers become one.
void mix_rows(const float* rows, const Mix& mix, int64_t width, float* target) {
  std::fill_n(target, width, 0.0f);
  const float* row = rows + mix.first * width;
  for (const float weight : mix.weights) {
    for (int64_t i = 0; i < width; ++i) target[i] += weight * row[i];
    row += width;
  }
}

}  // namespace

void resize_image(const Tensor& image, Size2 size, float* target) {
  const int64_t height = image.dim(1), width = image.dim(2);
  const std::vector<Mix> columns = mixes_of(width, size.w), rows = mixes_of(height, size.h);
  std::vector<float> narrow(static_cast<size_t>(height * size.w));
  const auto* pixels = image.data<uint8_t>();
  for (int64_t channel = 0; channel < image.dim(0); ++channel) {
    for (int64_t row = 0; row < height; ++row, pixels += width) {
      mix_row(pixels, columns, narrow.data() + row * size.w);
    }
    for (const Mix& mix : rows) {
      mix_rows(narrow.data(), mix, size.w, target);
      target += size.w;
    }
  }
}

}  // namespace dlengine

// Pooling layers.
#include "dlengine/layers/pool2d.h"

#include <algorithm>
#include <tuple>

#include "dlengine/core/shape_rules.h"
#include "dlengine/layers/describe.h"

namespace dlengine {

MaxPool2d::MaxPool2d(const Pool2dParams& options) : options_(checked_pool2d("MaxPool2d", options)) {}

std::string MaxPool2d::description() const { return describe_pool(options_); }

Tensor MaxPool2d::forward_with(const Ending& ending, const Tensor& x) {
  Pool2dParams params = options_;
  params.ending = ending;
  return max_pool2d(x, params);
}

AvgPool2d::AvgPool2d(const Pool2dParams& options) : options_(checked_pool2d("AvgPool2d", options)) {}

Window MaxPool2d::window(const Shape&, const Shape&) const { return pool_window(options_); }

std::string AvgPool2d::description() const { return describe_pool(options_); }

Tensor AvgPool2d::forward(const Tensor& x) { return avg_pool2d(x, options_); }

Window AvgPool2d::window(const Shape&, const Shape&) const { return pool_window(options_); }

Tensor GlobalAvgPool2d::forward(const Tensor& x) { return global_avg_pool2d(x); }

Window GlobalAvgPool2d::window(const Shape& input, const Shape& /*output*/) const {
  const Dims all = pixels_of(input);
  return {.extent = all, .stride = all};
}

AdaptiveAvgPool2d::AdaptiveAvgPool2d(Size2 size) : size_(size) {
  check<ValueError>(size.h > 0 && size.w > 0, "AdaptiveAvgPool2d: need a size of 1 or more, got {}",
                    text(size));
}

std::string AdaptiveAvgPool2d::description() const { return text(size_); }

Tensor AdaptiveAvgPool2d::forward(const Tensor& x) { return adaptive_avg_pool2d(x, size_); }

Window AdaptiveAvgPool2d::window(const Shape& input, const Shape& output) const {
  const auto longest = [](int64_t from, int64_t parts) {
    int64_t most = 1;
    for (int64_t i = 0; i < parts; ++i) {
      most = std::max(most, ((i + 1) * from + parts - 1) / parts - i * from / parts);
    }
    return most;
  };
  const Dims from = pixels_of(input), to = pixels_of(output);
  return {.extent = {longest(from[0], to[0]), longest(from[1], to[1])}, .stride = from, .enlarged = to};
}

MaxUnpool2d::MaxUnpool2d(const Pool2dParams& options) : options_(checked_pool2d("MaxUnpool2d", options)) {}

Tensor MaxUnpool2d::operator()(const Tensor& x, const Tensor& indices, Size2 size) const {
  const auto& [kernel, stride, padding] = std::tuple(options_.kernel, options_.stride, options_.padding);
  check<ShapeError>(x.defined() && x.rank() == 4 && x.dim(2) > 0 && x.dim(3) > 0,
                    "MaxUnpool2d: need x [N, C, P, Q] with pixels");
  if (size == Size2(0)) {
    size = {transposed_count(x.dim(2), kernel.h, stride.h, padding.h),
            transposed_count(x.dim(3), kernel.w, stride.w, padding.w)};
  }
  const Size2 pooled = {window_count(size.h, kernel.h, stride.h, padding.h),
                        window_count(size.w, kernel.w, stride.w, padding.w)};
  check<ShapeError>(pooled == Size2(x.dim(2), x.dim(3)),
                    "MaxUnpool2d: pooling makes {} of images of {}, not x {}", text(pooled), text(size),
                    x.shape());
  return max_unpool2d(x, indices, size);
}

}  // namespace dlengine

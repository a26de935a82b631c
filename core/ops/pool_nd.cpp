// Poolings made of those of images: of series, of volumes, and of windows that divide an image.
#include <vector>

#include "dlengine/core/check.h"
#include "dlengine/core/ops/common.h"
#include "dlengine/core/ops/index.h"
#include "dlengine/core/ops/pool.h"
#include "dlengine/core/ops/reduce.h"
#include "dlengine/core/shape_rules.h"

namespace dlengine {

namespace {

using Pool = Tensor(const Tensor& x, const Pool2dParams& params);

Tensor pool1d(const char* op, Pool* pool, const Tensor& x, const Pool1dParams& options) {
  check_operands(op, {&x});
  check_one_floating_type(op, {&x});
  const Pool1dParams params = checked_pool1d(op, options);
  pool1d_shape(op, x.shape(), params);  // checks
  return pool(x.unsqueeze(2), {.kernel = {1, params.kernel},
                               .stride = {1, params.stride},
                               .padding = {0, params.padding},
                               .count_include_pad = params.count_include_pad})
      .squeeze(2);
}

/// First the planes, then the depths: the first largest of the first largest is the first in row-major order,
/// and a mean of means is the mean, as all windows of a depth have the same pixels.
Tensor pool3d(const char* op, Pool* pool, const Tensor& x, const Pool3dParams& options) {
  check_operands(op, {&x});
  check_one_floating_type(op, {&x});
  const auto& [kernel, stride, padding, count_include_pad] = checked_pool3d(op, options);
  const Shape y = pool3d_shape(op, x.shape(), {kernel, stride, padding, count_include_pad});
  const int64_t samples = y[0], channels = y[1], depths = x.dim(2);
  const Tensor planes = pool(x.reshape({samples, channels * depths, x.dim(3), x.dim(4)}),
                             {.kernel = kernel.plane(),
                              .stride = stride.plane(),
                              .padding = padding.plane(),
                              .count_include_pad = count_include_pad});
  return pool(planes.reshape({samples, channels, depths, y[3] * y[4]}),
              {.kernel = {kernel.d, 1},
               .stride = {stride.d, 1},
               .padding = {padding.d, 0},
               .count_include_pad = count_include_pad})
      .reshape(y);
}

/// Means of windows that divide one axis of x into `count`.
Tensor means_of_parts(const Tensor& x, int axis, int64_t count) {
  const int64_t size = x.dim(axis);
  std::vector<Tensor> means;
  for (int64_t i = 0; i < count; ++i) {
    const Tensor part = x.slice(axis, i * size / count, ((i + 1) * size + count - 1) / count);
    means.push_back(mean(part, {.axes = {axis}, .keep_axes = true}));
  }
  return concat(means, axis);
}

}  // namespace

Tensor max_pool1d(const Tensor& x, const Pool1dParams& params) {
  return pool1d("max_pool1d", max_pool2d, x, params);
}

Tensor avg_pool1d(const Tensor& x, const Pool1dParams& params) {
  return pool1d("avg_pool1d", avg_pool2d, x, params);
}

Tensor max_pool3d(const Tensor& x, const Pool3dParams& params) {
  return pool3d("max_pool3d", max_pool2d, x, params);
}

Tensor avg_pool3d(const Tensor& x, const Pool3dParams& params) {
  return pool3d("avg_pool3d", avg_pool2d, x, params);
}

Tensor adaptive_avg_pool2d(const Tensor& x, Size2 size) {
  check_operands("adaptive_avg_pool2d", {&x});
  check_one_floating_type("adaptive_avg_pool2d", {&x});
  check<ValueError>(size.h > 0 && size.w > 0, "adaptive_avg_pool2d: need a size of 1 or more, got {}x{}",
                    size.h, size.w);
  check<ShapeError>(x.rank() == 4 && x.dim(2) > 0 && x.dim(3) > 0,
                    "adaptive_avg_pool2d: need x [N, C, H, W] with pixels, got {}", x.shape());
  if (size == Size2(1)) return global_avg_pool2d(x);
  if (x.dim(2) % size.h == 0 && x.dim(3) % size.w == 0) {
    return avg_pool2d(x, {.kernel = {x.dim(2) / size.h, x.dim(3) / size.w}});
  }
  return means_of_parts(means_of_parts(x, 2, size.h), 3, size.w);
}

}  // namespace dlengine

// Internal: the sizes of pooling, and its loops over channels-last images.
#pragma once

#include <algorithm>
#include <cstdint>

#include "dlengine/core/op_params.h"
#include "dlengine/core/shape.h"

namespace dlengine {

/// Images x [n, c, h, w] before and y [n, c, p, q] after pooling.
struct PoolSizes {
  int64_t n, c, h, w, p, q;
  Pool2dParams params;

  PoolSizes(const Shape& x, const Shape& y, const Pool2dParams& pool)
      : n(x[0]), c(x[1]), h(x[2]), w(x[3]), p(y[2]), q(y[3]), params(pool) {
    if (params.stride.h == 0) params.stride.h = params.kernel.h;
    if (params.stride.w == 0) params.stride.w = params.kernel.w;
  }
  int64_t pixels() const { return h * w; }
  int64_t results() const { return p * q; }
  /// The case of nearly every network, which has loops of its own.
  bool halves() const {
    return params.kernel == Size2(2) && params.stride == Size2(2) && params.padding == Size2(0);
  }
};

/// The pixels of a window that lie inside of the image.
struct Window {
  int64_t top, bottom, left, right;  // rows top .. bottom - 1

  Window(const PoolSizes& s, int64_t i, int64_t j) {
    top = i * s.params.stride.h - s.params.padding.h;
    left = j * s.params.stride.w - s.params.padding.w;
    bottom = std::min(top + s.params.kernel.h, s.h);
    right = std::min(left + s.params.kernel.w, s.w);
    top = std::max<int64_t>(top, 0);
    left = std::max<int64_t>(left, 0);
  }
  int64_t pixels() const { return (bottom - top) * (right - left); }
  /// What the sum of an average is divided by.
  int64_t divisor(const PoolSizes& s) const {
    return s.params.count_include_pad ? s.params.kernel.h * s.params.kernel.w : pixels();
  }
};

/// x, y, dy and dx of max pooling, channels-last.
struct MaxPoolGrad {
  const float *x, *y, *dy;
  float* dx;
};

void launch_max_pool_channels_last(const PoolSizes& sizes, const float* x, float* y);
void launch_max_pool_grad_channels_last(const PoolSizes& sizes, const MaxPoolGrad& data);
void launch_avg_pool_channels_last(const PoolSizes& sizes, const float* x, float* y);
void launch_avg_pool_grad_channels_last(const PoolSizes& sizes, const float* dy, float* dx);

}  // namespace dlengine

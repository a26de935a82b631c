// Output sizes.
#include "dlengine/core/shape_rules.h"

#include <algorithm>

#include "dlengine/core/check.h"

namespace dlengine {

int64_t window_count(int64_t size, int64_t kernel, int64_t stride, int64_t padding, int64_t dilation) {
  const int64_t room = size + 2 * padding - dilation * (kernel - 1) - 1;
  return room < 0 ? 0 : room / stride + 1;
}

namespace {

bool positive(const Size2& size) { return size.h > 0 && size.w > 0; }
bool not_negative(const Size2& size) { return size.h >= 0 && size.w >= 0; }

}  // namespace

Shape conv2d_shape(const Shape& x, const Shape& w, const Conv2dParams& params) {
  const auto& [stride, padding, dilation, groups, activation] = params;
  check<ValueError>(
      positive(stride) && positive(dilation) && not_negative(padding) && groups > 0,
      "conv2d: stride {}x{}, dilation {}x{} and groups {} must be 1 or more, padding {}x{} 0 or more",
      stride.h, stride.w, dilation.h, dilation.w, groups, padding.h, padding.w);
  check<ShapeError>(
      x.rank() == 4 && w.rank() == 4 && x[1] == w[1] * groups && w[0] % groups == 0,
      "conv2d: need x [N, C, H, W] and w [K, C/{0}, R, S] with K a multiple of {0} groups, got x {1} and "
      "w {2}",
      groups, x, w);
  const int64_t p = window_count(x[2], w[2], stride.h, padding.h, dilation.h);
  const int64_t q = window_count(x[3], w[3], stride.w, padding.w, dilation.w);
  check<ShapeError>(w[2] > 0 && w[3] > 0 && p > 0 && q > 0,
                    "conv2d: filters {} with dilation {}x{} do not fit into x {} with padding {}x{}", w,
                    dilation.h, dilation.w, x, padding.h, padding.w);
  return {x[0], w[0], p, q};
}

Pool2dParams checked_pool2d(const char* op, const Pool2dParams& params) {
  Pool2dParams result = params;
  if (result.stride.h == 0) result.stride.h = result.kernel.h;
  if (result.stride.w == 0) result.stride.w = result.kernel.w;
  const auto& [kernel, stride, padding, count_include_pad, activation] = result;
  check<ValueError>(positive(kernel) && positive(stride),
                    "{}: kernel {}x{} and stride {}x{} must be 1 or more", op, kernel.h, kernel.w, stride.h,
                    stride.w);
  check<ValueError>(not_negative(padding) && 2 * padding.h <= kernel.h && 2 * padding.w <= kernel.w,
                    "{}: padding {}x{} must be 0 or more and at most half of the kernel {}x{}", op, padding.h,
                    padding.w, kernel.h, kernel.w);
  return result;
}

Shape pool2d_shape(const char* op, const Shape& x, const Pool2dParams& params) {
  const auto& [kernel, stride, padding, count_include_pad, activation] = params;
  check<ShapeError>(x.rank() == 4, "{}: need x [N, C, H, W], got {}", op, x);
  const int64_t p = window_count(x[2], kernel.h, stride.h, padding.h);
  const int64_t q = window_count(x[3], kernel.w, stride.w, padding.w);
  check<ShapeError>(p > 0 && q > 0, "{}: a window of {}x{} does not fit into x {} with padding {}x{}", op,
                    kernel.h, kernel.w, x, padding.h, padding.w);
  return {x[0], x[1], p, q};
}

Shape reduced_shape(const Shape& x, const Shape& axes) {
  Shape result = x;
  for (int64_t axis : axes) result[static_cast<int>(axis)] = 1;
  return result;
}

Shape matmul_shape(const Shape& a, const Shape& b) {
  const bool fits = a.rank() >= 2 && b.rank() >= 2 && a.back() == b[b.rank() - 2];
  check<ShapeError>(fits, "matmul: need a [.., M, K] and b [.., K, N], got a {} and b {}", a, b);
  Shape batch_a = a, batch_b = b;
  for (int i = 0; i < 2; ++i) {
    batch_a.erase(batch_a.rank() - 1);
    batch_b.erase(batch_b.rank() - 1);
  }
  Shape result;
  try {
    result = broadcast_shapes("batch axes", batch_a, batch_b);
  } catch (ShapeError& error) {
    error.add_context(fmt::format("matmul: a {} and b {}", a, b));
    throw;
  }
  result.push_back(a[a.rank() - 2]);
  result.push_back(b.back());
  return result;
}

}  // namespace dlengine

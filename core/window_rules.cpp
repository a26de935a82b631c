// Output sizes of convolutions, poolings and resizing, for any number of axes of space.
#include <algorithm>
#include <cmath>

#include "dlengine/core/check.h"
#include "dlengine/core/shape_rules.h"

namespace dlengine {

std::string by_x(const Dims& sizes) {
  std::string words;
  for (int64_t size : sizes) words += (words.empty() ? "" : "x") + std::to_string(size);
  return words;
}

int64_t window_count(int64_t size, int64_t kernel, int64_t stride, int64_t padding, int64_t dilation) {
  const int64_t room = size + 2 * padding - dilation * (kernel - 1) - 1;
  return room < 0 ? 0 : room / stride + 1;
}

int64_t transposed_count(int64_t size, int64_t kernel, int64_t stride, int64_t padding, int64_t dilation,
                         int64_t output_padding) {
  return (size - 1) * stride - 2 * padding + dilation * (kernel - 1) + output_padding + 1;
}

namespace {

bool all_at_least(int64_t least, const Dims& sizes) {
  return std::all_of(sizes.begin(), sizes.end(), [&](int64_t size) { return size >= least; });
}

/// The names of the axes of an image and of a window.
struct AxisNames {
  const char *space, *taps;
};
AxisNames names_of(const Dims& windows) {
  switch (windows.rank()) {
    case 1: return {"L", "R"};
    case 2: return {"H, W", "R, S"};
  }
  return {"D, H, W", "T, R, S"};
}

/// What every convolution is told.
struct Windows {
  const char* op;
  Dims stride, padding, dilation;
  int64_t groups;

  template <typename Params>
  Windows(const char* name, const Params& params)
      : op(name),
        stride(dims_of(params.stride)),
        padding(dims_of(params.padding)),
        dilation(dims_of(params.dilation)),
        groups(params.groups) {
    if (all_at_least(1, stride) && all_at_least(1, dilation) && all_at_least(0, padding) && groups > 0)
      return;
    fail<ValueError>("{}: stride {}, dilation {} and groups {} must be 1 or more, padding {} 0 or more", op,
                     by_x(stride), by_x(dilation), groups, by_x(padding));
  }
};

Shape conv_shape(const Windows& windows, const Shape& x, const Shape& w) {
  const auto& [op, stride, padding, dilation, groups] = windows;
  const int rank = stride.rank() + 2;
  const AxisNames names = names_of(stride);
  check<ShapeError>(
      x.rank() == rank && w.rank() == rank && x[1] == w[1] * groups && w[0] % groups == 0,
      "{}: need x [N, C, {}] and w [K, C/{}, {}] with K a multiple of {} groups, got x {} and w {}", op,
      names.space, groups, names.taps, groups, x, w);
  Shape y{x[0], w[0]};
  for (int i = 0; i < stride.rank(); ++i) {
    y.push_back(w[i + 2] > 0 ? window_count(x[i + 2], w[i + 2], stride[i], padding[i], dilation[i]) : 0);
    if (y.back() > 0) continue;
    fail<ShapeError>("{}: filters {} with dilation {} do not fit into x {} with padding {}", op, w,
                     by_x(dilation), x, by_x(padding));
  }
  return y;
}

Shape conv_transpose_shape(const Windows& windows, const Dims& output_padding, const Shape& x,
                           const Shape& w) {
  const auto& [op, stride, padding, dilation, groups] = windows;
  for (int i = 0; i < stride.rank(); ++i) {
    if (output_padding[i] >= 0 && output_padding[i] < stride[i]) continue;
    fail<ValueError>("{}: output_padding {} must be 0 or more and below the stride {}", op,
                     by_x(output_padding), by_x(stride));
  }
  const int rank = stride.rank() + 2;
  const AxisNames names = names_of(stride);
  check<ShapeError>(x.rank() == rank && w.rank() == rank && x[1] == w[0] && w[0] % groups == 0,
                    "{}: need x [N, C, {}] and w [C, K/{}, {}] with C a multiple of {} groups, got x {} and "
                    "w {}",
                    op, names.space, groups, names.taps, groups, x, w);
  Shape y{x[0], w[1] * groups};
  for (int i = 0; i < stride.rank(); ++i) {
    y.push_back(transposed_count(x[i + 2], w[i + 2], stride[i], padding[i], dilation[i], output_padding[i]));
    if (x[i + 2] > 0 && w[i + 2] > 0 && y.back() > 0) continue;
    fail<ShapeError>("{}: nothing is left of x {} with filters {} and padding {}", op, x, w, by_x(padding));
  }
  return y;
}

template <typename Params>
Params checked_pool(const char* op, Params params) {
  const Dims kernel = dims_of(params.kernel), stride = dims_of(params.stride),
             padding = dims_of(params.padding);
  bool half = true;
  for (int i = 0; i < kernel.rank(); ++i) half = half && 2 * padding[i] <= kernel[i];
  if (!all_at_least(1, kernel) || !all_at_least(1, stride)) {
    fail<ValueError>("{}: kernel {} and stride {} must be 1 or more", op, by_x(kernel), by_x(stride));
  }
  if (!all_at_least(0, padding) || !half) {
    fail<ValueError>("{}: padding {} must be 0 or more and at most half of the kernel {}", op, by_x(padding),
                     by_x(kernel));
  }
  return params;
}

/// `stride` is not 0.
template <typename Params>
Shape pool_shape(const char* op, const Shape& x, const Params& params) {
  const Dims kernel = dims_of(params.kernel), stride = dims_of(params.stride),
             padding = dims_of(params.padding);
  check<ShapeError>(x.rank() == kernel.rank() + 2, "{}: need x [N, C, {}], got {}", op,
                    names_of(kernel).space, x);
  Shape y{x[0], x[1]};
  for (int i = 0; i < kernel.rank(); ++i) {
    y.push_back(window_count(x[i + 2], kernel[i], stride[i], padding[i]));
    if (y.back() > 0) continue;
    fail<ShapeError>("{}: a window of {} does not fit into x {} with padding {}", op, by_x(kernel), x,
                     by_x(padding));
  }
  return y;
}

void set_if_zero(int64_t& stride, int64_t kernel) {
  if (stride == 0) stride = kernel;
}

}  // namespace

Shape conv1d_shape(const Shape& x, const Shape& w, const Conv1dParams& params) {
  return conv_shape({"conv1d", params}, x, w);
}

Shape conv2d_shape(const Shape& x, const Shape& w, const Conv2dParams& params) {
  return conv_shape({"conv2d", params}, x, w);
}

Shape conv3d_shape(const Shape& x, const Shape& w, const Conv3dParams& params) {
  return conv_shape({"conv3d", params}, x, w);
}

Shape conv_transpose1d_shape(const Shape& x, const Shape& w, const ConvTranspose1dParams& params) {
  return conv_transpose_shape({"conv_transpose1d", params}, dims_of(params.output_padding), x, w);
}

Shape conv_transpose2d_shape(const Shape& x, const Shape& w, const ConvTranspose2dParams& params) {
  return conv_transpose_shape({"conv_transpose2d", params}, dims_of(params.output_padding), x, w);
}

Pool1dParams checked_pool1d(const char* op, const Pool1dParams& params) {
  Pool1dParams result = params;
  set_if_zero(result.stride, result.kernel);
  return checked_pool(op, result);
}

Pool2dParams checked_pool2d(const char* op, const Pool2dParams& params) {
  Pool2dParams result = params;
  set_if_zero(result.stride.h, result.kernel.h);
  set_if_zero(result.stride.w, result.kernel.w);
  return checked_pool(op, result);
}

Pool3dParams checked_pool3d(const char* op, const Pool3dParams& params) {
  Pool3dParams result = params;
  set_if_zero(result.stride.d, result.kernel.d);
  set_if_zero(result.stride.h, result.kernel.h);
  set_if_zero(result.stride.w, result.kernel.w);
  return checked_pool(op, result);
}

Shape pool1d_shape(const char* op, const Shape& x, const Pool1dParams& params) {
  return pool_shape(op, x, params);
}

Shape pool2d_shape(const char* op, const Shape& x, const Pool2dParams& params) {
  return pool_shape(op, x, params);
}

Shape pool3d_shape(const char* op, const Shape& x, const Pool3dParams& params) {
  return pool_shape(op, x, params);
}

Shape interpolate_shape(const Shape& x, const InterpolateParams& params) {
  const auto& [size, factor, mode, align_corners] = params;
  const bool has_size = size.h > 0 && size.w > 0;
  check<ValueError>(has_size ? factor == 0 : size == Size2(0) && factor > 0 && std::isfinite(factor),
                    "interpolate: need either a size or a scale_factor above 0, got {}x{} and {}", size.h,
                    size.w, factor);
  check<ValueError>(!align_corners || mode == InterpolateMode::bilinear,
                    "interpolate: align_corners is for bilinear alone");
  check<ShapeError>(x.rank() == 4 && x[2] > 0 && x[3] > 0,
                    "interpolate: need x [N, C, H, W] with pixels, got {}", x);
  if (has_size) return {x[0], x[1], size.h, size.w};
  const auto scaled = [&](int64_t from) {
    return static_cast<int64_t>(std::floor(static_cast<double>(from) * factor));
  };
  const Shape y{x[0], x[1], scaled(x[2]), scaled(x[3])};
  check<ShapeError>(y[2] > 0 && y[3] > 0, "interpolate: nothing is left of x {} with a scale_factor of {}", x,
                    factor);
  return y;
}

}  // namespace dlengine

// Convolutions of series and volumes, made of those of images.
#include <vector>

#include "dlengine/core/factory.h"
#include "dlengine/core/ops/conv.h"
#include "dlengine/core/ops/conv_common.h"
#include "dlengine/core/ops/index.h"
#include "dlengine/core/shape_rules.h"

namespace dlengine {

namespace {

/// x [N, C, D, H, W] with so many planes of zeros before and behind its depths.
Tensor padded_depths(const Tensor& x, int64_t planes) {
  if (planes == 0) return x;
  Shape shape = x.shape();
  shape[2] = planes;
  const Tensor border = zeros(shape, x.dtype(), x.device());
  return concat({border, x, border}, 2);
}

}  // namespace

Tensor conv1d(const Tensor& x, const Tensor& w, const Tensor& bias, const Conv1dParams& params) {
  check_conv_operands("conv1d", x, w, bias);
  check_conv_bias("conv1d", bias, conv1d_shape(x.shape(), w.shape(), params)[1], w);
  return conv2d(x.unsqueeze(2), w.unsqueeze(2), bias,
                {.stride = {1, params.stride},
                 .padding = {0, params.padding},
                 .dilation = {1, params.dilation},
                 .groups = params.groups,
                 .activation = params.activation})
      .squeeze(2);
}

Tensor conv3d(const Tensor& x, const Tensor& w, const Tensor& bias, const Conv3dParams& params) {
  check_conv_operands("conv3d", x, w, bias);
  const Shape shape = conv3d_shape(x.shape(), w.shape(), params);
  check_conv_bias("conv3d", bias, shape[1], w);
  const int64_t samples = shape[0], depths = shape[2], taps = w.dim(2), step = params.stride.d;
  const Tensor from = padded_depths(x, params.padding.d);
  std::vector<Tensor> seen;  // by each tap: [N, O, C, H, W]
  for (int64_t tap = 0; tap < taps; ++tap) {
    const int64_t first = tap * params.dilation.d;
    seen.push_back(from.slice(2, first, first + (depths - 1) * step + 1, step).permute({0, 2, 1, 3, 4}));
  }
  const Tensor images = stack(seen, 3).reshape({samples * depths, x.dim(1) * taps, x.dim(3), x.dim(4)});
  const Tensor filters = w.reshape({w.dim(0), w.dim(1) * taps, w.dim(3), w.dim(4)});
  return conv2d(images, filters, bias,
                {.stride = params.stride.plane(),
                 .padding = params.padding.plane(),
                 .dilation = params.dilation.plane(),
                 .groups = params.groups,
                 .activation = params.activation})
      .reshape({samples, depths, shape[1], shape[3], shape[4]})
      .permute({0, 2, 1, 3, 4});
}

}  // namespace dlengine

// Transposed convolution: forward it is the gradient of a convolution, backward a convolution.
#include <utility>

#include "dlengine/core/autograd.h"
#include "dlengine/core/backend.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/ops/conv.h"
#include "dlengine/core/ops/conv_common.h"
#include "dlengine/core/ops/elementwise.h"
#include "dlengine/core/shape_rules.h"

namespace dlengine {

namespace {

/// What the backward pass keeps. The convolution maps images of y's shape to images of x's.
struct Forward {
  Conv2dParams convolution;
  ImageLayout layout;
  Saved x, w;
};

void add_gradients(const Forward& forward, const Tensor& gradient, InputGrads& dx) {
  Backend& backend = backend_for(gradient.device());
  const Tensor dy = dense(gradient, forward.layout);
  if (dx.wants(0)) {
    Tensor images = dx.buffer(0, forward.layout);
    backend.conv2d(dy, forward.w.get(), {}, forward.convolution, images);
    dx.add(0, images);
  }
  if (dx.wants(1)) {
    Backend::Conv2dGradients result{.dx = {}, .dw = dx.buffer(1), .db = {}};
    backend.conv2d_grad(forward.x.get(), {}, dy, forward.w.get(), forward.convolution, result);
    dx.add(1, result.dw);
  }
}

}  // namespace

Tensor conv_transpose2d(const Tensor& x, const Tensor& w, const Tensor& bias,
                        const ConvTranspose2dParams& params) {
  check_conv_operands("conv_transpose2d", x, w, bias);
  const Shape shape = conv_transpose2d_shape(x.shape(), w.shape(), params);
  check_conv_bias("conv_transpose2d", bias, shape[1], w);
  const Conv2dParams convolution{.stride = params.stride,
                                 .padding = params.padding,
                                 .dilation = params.dilation,
                                 .groups = params.groups};
  const ImageLayout layout = convolution_layout(x.dtype(), x.device());
  const Tensor images = dense(x, layout), filters = dense(w);
  Backend::Conv2dGradients result{.dx = empty(shape, x.dtype(), x.device(), layout), .dw = {}, .db = {}};
  backend_for(x.device()).conv2d_grad(images, {}, {}, filters, convolution, result);
  Forward forward{convolution, layout, Saved(images), Saved(filters)};
  const Tensor y = record(
      "conv_transpose2d", result.dx, {x, w},
      [forward = std::move(forward)](const Tensor& dy, InputGrads& dx) { add_gradients(forward, dy, dx); });
  return bias.defined() ? y + bias.reshape({1, shape[1], 1, 1}) : y;
}

Tensor conv_transpose1d(const Tensor& x, const Tensor& w, const Tensor& bias,
                        const ConvTranspose1dParams& params) {
  check_conv_operands("conv_transpose1d", x, w, bias);
  check_conv_bias("conv_transpose1d", bias, conv_transpose1d_shape(x.shape(), w.shape(), params)[1], w);
  return conv_transpose2d(x.unsqueeze(2), w.unsqueeze(2), bias,
                          {.stride = {1, params.stride},
                           .padding = {0, params.padding},
                           .output_padding = {0, params.output_padding},
                           .dilation = {1, params.dilation},
                           .groups = params.groups})
      .squeeze(2);
}

}  // namespace dlengine

// 2-D convolution.
#include "dlengine/core/ops/conv.h"

#include <utility>

#include "dlengine/core/autograd.h"
#include "dlengine/core/backend.h"
#include "dlengine/core/check.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/ops/common.h"
#include "dlengine/core/shape_rules.h"

namespace dlengine {

namespace {

/// What the backward pass of a convolution keeps.
struct Forward {
  Conv2dParams params;
  ImageLayout layout;
  Saved x, w, y;  // y: undefined without activation
};

void add_gradients(const Forward& forward, const Tensor& result_gradient, InputGrads& dx) {
  const ImageLayout layout = forward.layout;
  // Backends see to the activation of channels-last images themselves.
  const bool fused = layout == ImageLayout::channels_last;
  const Tensor y = fused ? forward.y.get() : Tensor();
  const Tensor dy =
      dense(fused ? result_gradient : before_activation(forward.y.get(), result_gradient), layout);
  Backend& backend = backend_for(dy.device());
  if (dx.wants(0)) {
    Tensor images = dx.buffer(0, layout);
    backend.conv2d_grad_input(dy, y, forward.w.get(), forward.params, images);
    dx.add(0, images);
  }
  if (!dx.wants(1) && !dx.wants(2)) return;
  Tensor bias = dx.wants(2) ? dx.buffer(2) : Tensor();
  Tensor filters = dx.wants(1) ? dx.buffer(1) : empty_like(forward.w.get());
  backend.conv2d_grad_weight(dy, y, forward.x.get(), forward.params, filters, bias);
  if (dx.wants(1)) dx.add(1, filters);
  if (dx.wants(2)) dx.add(2, bias);
}

}  // namespace

Tensor conv2d(const Tensor& x, const Tensor& w, const Tensor& bias, const Conv2dParams& params) {
  const Tensor& some_bias = bias.defined() ? bias : w;
  check_operands("conv2d", {&x, &w, &some_bias});
  check_one_floating_type("conv2d", {&x, &w, &some_bias});
  const Shape shape = conv2d_shape(x.shape(), w.shape(), params);
  check<ShapeError>(!bias.defined() || bias.shape() == Shape{w.dim(0)},
                    "conv2d: need bias [{}] for w {}, got {}", w.dim(0), w.shape(), some_bias.shape());
  const ImageLayout layout = convolution_layout(x.dtype(), x.device());
  Tensor y = empty(shape, x.dtype(), x.device(), layout);
  const Tensor images = dense(x, layout), filters = dense(w);
  backend_for(x.device()).conv2d(images, filters, bias.defined() ? dense(bias) : bias, params, y);
  Forward forward{params, layout, Saved(images), Saved(filters), saved_result(params.activation, y)};
  return record("conv2d", y, {x, w, bias}, [forward = std::move(forward)](const Tensor& dy, InputGrads& dx) {
    add_gradients(forward, dy, dx);
  });
}

}  // namespace dlengine

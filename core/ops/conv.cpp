// 2-D convolution.
#include "dlengine/core/ops/conv.h"

#include "dlengine/core/autograd.h"
#include "dlengine/core/backend.h"
#include "dlengine/core/check.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/ops/common.h"
#include "dlengine/core/shape_rules.h"

namespace dlengine {

namespace {

/// db[k] = sum of dy [N, K, P, Q] over all but K.
void add_bias_gradient(InputGrads& dx, size_t i, const Tensor& dy) {
  Tensor gradient = dx.buffer(i);
  Tensor channels = gradient.reshape({1, gradient.numel(), 1, 1});
  backend_for(dy.device()).reduce(ReduceOp::sum, dy, channels);
  dx.add(i, gradient);
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
  return record(
      "conv2d", y, {x, w, bias},
      [params, layout, x = Saved(images), w = Saved(filters)](const Tensor& gradient, InputGrads& dx) {
        const Tensor dy = dense(gradient, layout);
        Backend& backend = backend_for(dy.device());
        if (dx.wants(0)) {
          Tensor images_gradient = dx.buffer(0, layout);
          backend.conv2d_grad_input(dy, w.get(), params, images_gradient);
          dx.add(0, images_gradient);
        }
        if (dx.wants(1)) {
          Tensor filters_gradient = dx.buffer(1);
          backend.conv2d_grad_weight(dy, x.get(), params, filters_gradient);
          dx.add(1, filters_gradient);
        }
        if (dx.wants(2)) add_bias_gradient(dx, 2, dy);
      });
}

}  // namespace dlengine

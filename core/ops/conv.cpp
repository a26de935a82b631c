// 2-D convolution.
#include "dlengine/core/ops/conv.h"

#include <utility>

#include "dlengine/core/autograd.h"
#include "dlengine/core/backend.h"
#include "dlengine/core/check.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/ops/common.h"
#include "dlengine/core/ops/conv_common.h"
#include "dlengine/core/shape_rules.h"

namespace dlengine {

namespace {

/// What the backward pass of a convolution keeps.
struct Forward {
  Conv2dParams params;
  ImageLayout layout;
  Saved x, w, y;  // y: undefined without activation
};

void add_gradients(const Forward& forward, const Tensor& dy, InputGrads& dx) {
  Backend::Conv2dGradients gradients;
  if (dx.wants(0)) gradients.dx = dx.buffer(0, forward.layout);
  if (dx.wants(1)) gradients.dw = dx.buffer(1);
  if (dx.wants(2)) gradients.db = dx.buffer(2);
  backend_for(dy.device())
      .conv2d_grad(dense(dy, forward.layout), forward.y.get(), forward.x.get(), forward.w.get(),
                   forward.params, gradients);
  if (dx.wants(0)) dx.add(0, gradients.dx);
  if (dx.wants(1)) dx.add(1, gradients.dw);
  if (dx.wants(2)) dx.add(2, gradients.db);
}

}  // namespace

Tensor conv2d(const Tensor& x, const Tensor& w, const Tensor& bias, const Conv2dParams& params) {
  check_conv_operands("conv2d", x, w, bias);
  const Shape shape = conv2d_shape(x.shape(), w.shape(), params);
  check_conv_bias("conv2d", bias, shape[1], w);
  const ImageLayout layout = convolution_layout(x.dtype(), x.device());
  Tensor y = empty(shape, x.dtype(), x.device(), layout);
  const Tensor images = dense(x, layout), filters = dense(w);
  backend_for(x.device()).conv2d(images, filters, bias.defined() ? dense(bias) : bias, params, y);
  Forward forward{params, layout, Saved(images), Saved(filters), saved_result(params.activation, y)};
  const char* name = node_name(params.activation, {"conv2d", "conv2d, relu"});
  return record(name, y, {x, w, bias}, [forward = std::move(forward)](const Tensor& dy, InputGrads& dx) {
    add_gradients(forward, dy, dx);
  });
}

}  // namespace dlengine

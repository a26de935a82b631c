// Pooling.
#include "dlengine/core/ops/pool.h"

#include "dlengine/core/autograd.h"
#include "dlengine/core/backend.h"
#include "dlengine/core/check.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/ops/common.h"
#include "dlengine/core/ops/reduce.h"
#include "dlengine/core/shape_rules.h"

namespace dlengine {

namespace {

/// In place: the result of pooling is small.
void apply(Activation activation, Tensor& y) {
  if (activation == Activation::relu) backend_for(y.device()).unary(UnaryOp::relu, y, y);
}

}  // namespace

Tensor max_pool2d(const Tensor& x, const Pool2dParams& options) {
  check_operands("max_pool2d", {&x});
  check_one_floating_type("max_pool2d", {&x});
  const Pool2dParams params = checked_pool2d("max_pool2d", options);
  const ImageLayout layout = layout_of(x);
  Tensor y = empty(pool2d_shape("max_pool2d", x.shape(), params), x.dtype(), x.device(), layout);
  const Tensor images = dense(x, layout);
  backend_for(x.device()).max_pool2d(images, params, y);
  apply(params.activation, y);
  return record(
      "max_pool2d", y, {x},
      [params, layout, x = Saved(images), y = Saved(y.detach())](const Tensor& gradient, InputGrads& dx) {
        const bool activated = params.activation != Activation::none;
        const Tensor dense_gradient = dense(gradient, layout);
        const Tensor dy = activated ? before_activation(y.get(), dense_gradient) : dense_gradient;
        Tensor images_gradient = dx.buffer(0, layout);
        backend_for(dy.device()).max_pool2d_grad(x.get(), y.get(), dy, params, images_gradient);
        dx.add(0, images_gradient);
      });
}

Tensor avg_pool2d(const Tensor& x, const Pool2dParams& options) {
  check_operands("avg_pool2d", {&x});
  check_one_floating_type("avg_pool2d", {&x});
  const Pool2dParams params = checked_pool2d("avg_pool2d", options);
  const ImageLayout layout = layout_of(x);
  Tensor y = empty(pool2d_shape("avg_pool2d", x.shape(), params), x.dtype(), x.device(), layout);
  backend_for(x.device()).avg_pool2d(dense(x, layout), params, y);
  apply(params.activation, y);
  return record(
      "avg_pool2d", y, {x},
      [params, layout, y = saved_result(params.activation, y)](const Tensor& gradient, InputGrads& dx) {
        const Tensor dy = before_activation(y.get(), dense(gradient, layout));
        Tensor images_gradient = dx.buffer(0, layout);
        backend_for(dy.device()).avg_pool2d_grad(dy, params, images_gradient);
        dx.add(0, images_gradient);
      });
}

Tensor global_avg_pool2d(const Tensor& x) {
  check_operands("global_avg_pool2d", {&x});
  check<ShapeError>(x.rank() == 4, "global_avg_pool2d: need x [N, C, H, W], got {}", x.shape());
  return mean(x, {.axes = {2, 3}, .keep_axes = true});
}

}  // namespace dlengine

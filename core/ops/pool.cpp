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

Tensor max_pool2d(const Tensor& x, const Pool2dParams& options) {
  check_operands("max_pool2d", {&x});
  check_one_floating_type("max_pool2d", {&x});
  Pool2dParams params = checked_pool2d("max_pool2d", options);
  params.ending = with_key("max_pool2d", params.ending);
  const ImageLayout layout = layout_of(x);
  Tensor y = empty(pool2d_shape("max_pool2d", x.shape(), params), x.dtype(), x.device(), layout);
  const Tensor images = dense(x, layout);
  backend_for(x.device()).max_pool2d(images, params, y);
  const char* name =
      node_name(params.ending, {"max_pool2d", "max_pool2d, relu", "max_pool2d, relu, dropout"});
  return record(name, y, {x},
                [params, layout, x = Saved(images), y = Saved(y.detach())](const Tensor& dy, InputGrads& dx) {
                  Tensor images_gradient = dx.buffer(0, layout);
                  backend_for(dy.device())
                      .max_pool2d_grad(x.get(), y.get(), dense(dy, layout), params, images_gradient);
                  dx.add(0, images_gradient);
                });
}

Tensor avg_pool2d(const Tensor& x, const Pool2dParams& options) {
  check_operands("avg_pool2d", {&x});
  check_one_floating_type("avg_pool2d", {&x});
  Pool2dParams params = checked_pool2d("avg_pool2d", options);
  params.ending = with_key("avg_pool2d", params.ending);
  const ImageLayout layout = layout_of(x);
  Tensor y = empty(pool2d_shape("avg_pool2d", x.shape(), params), x.dtype(), x.device(), layout);
  backend_for(x.device()).avg_pool2d(dense(x, layout), params, y);
  finish(params.ending, y);
  const char* name =
      node_name(params.ending, {"avg_pool2d", "avg_pool2d, relu", "avg_pool2d, relu, dropout"});
  return record(name, y, {x},
                [params, layout, y = saved_result(params.ending, y)](const Tensor& gradient, InputGrads& dx) {
                  const Tensor dy =
                      before_activation(y.get(), dense(gradient, layout), params.ending.scale());
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

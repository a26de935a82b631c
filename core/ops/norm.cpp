// Batch normalisation.
#include "dlengine/core/ops/norm.h"

#include "dlengine/core/autograd.h"
#include "dlengine/core/backend.h"
#include "dlengine/core/capture.h"
#include "dlengine/core/check.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/ops/common.h"
#include "dlengine/core/ops/elementwise.h"

namespace dlengine {

namespace {

constexpr NodeNames kNames{"batch_norm", "batch_norm, relu"};

/// Type of the per-channel tensors that go with x.
DType channel_type(const Tensor& x) { return x.dtype() == DType::f64 ? DType::f64 : DType::f32; }

void check_channels(const char* what, const Tensor& channels, const Tensor& x) {
  if (!channels.defined()) return;
  check_operands("batch_norm", {&x, &channels});
  check<ShapeError>(channels.shape() == Shape{x.dim(1)}, "batch_norm: need {} [{}] for x {}, got {}", what,
                    x.dim(1), x.shape(), channels.shape());
  check<DTypeError>(channels.dtype() == channel_type(x), "batch_norm: need {} in {} for x in {}, got {}",
                    what, channel_type(x), x.dtype(), channels.dtype());
}

/// Per-channel values shaped to broadcast over x [N, C, ...].
Tensor per_channel(const Tensor& channels, const Tensor& x) {
  Shape shape = Shape::filled(x.rank(), 1);
  shape[1] = x.dim(1);
  return channels.reshape(shape);
}

Backend::BatchNormState with_dense_statistics(Backend::BatchNormState state) {
  for (Tensor* running : {&state.running_mean, &state.running_var}) {
    if (running->defined()) *running = dense(*running);
  }
  return state;
}

/// For `running`, of which the backend has written a dense copy if it is not dense itself.
void store_running(const Tensor& written, Tensor& running) {
  if (!running.defined()) return;
  if (written.storage() == running.storage()) return written_in_place(running);
  const NoGrad no_grad;
  running.copy_(written);
}

Tensor train(const Tensor& x, const Tensor& weight, const Tensor& bias, Backend::BatchNormState& state) {
  const int64_t values = x.dim(1) == 0 ? 0 : x.numel() / x.dim(1);
  check<ValueError>(values != 1, "batch_norm: a batch with one value per channel has no variance, x is {}",
                    x.shape());
  Backend& backend = backend_for(x.device());
  const ImageLayout layout = layout_of(x);
  const Tensor images = dense(x, layout), scale = dense(weight);
  Tensor y = empty_like(x);
  Tensor mean = empty(weight.shape(), weight.dtype(), x.device());
  Tensor inv_std = empty_like(mean);
  Backend::BatchNormState dense_state = with_dense_statistics(state);
  backend.batch_norm_train(images, scale, dense(bias), dense_state, y, mean, inv_std);
  store_running(dense_state.running_mean, state.running_mean);
  store_running(dense_state.running_var, state.running_var);
  return record(node_name(state.activation, kNames), y, {x, weight, bias},
                [layout, x = Saved(images), weight = Saved(scale), mean, inv_std,
                 y = saved_result(state.activation, y)](const Tensor& dy, InputGrads& dx) {
                  Tensor x_gradient = dx.wants(0) ? dx.buffer(0, layout) : empty_like(x.get());
                  Tensor weight_gradient = empty_like(mean);
                  Tensor bias_gradient = empty_like(mean);
                  backend_for(dy.device())
                      .batch_norm_grad(x.get(), weight.get(), mean, inv_std, y.get(), dense(dy, layout),
                                       x_gradient, weight_gradient, bias_gradient);
                  dx.add(0, x_gradient);
                  dx.add(1, weight_gradient);
                  dx.add(2, bias_gradient);
                });
}

/// With running statistics it is one multiplication and one addition per channel.
Tensor evaluate(const Tensor& x, const Tensor& weight, const Tensor& bias,
                const Backend::BatchNormState& state) {
  Tensor y = empty_like(x);
  backend_for(x.device())
      .batch_norm_eval(dense(x, layout_of(x)), dense(weight), dense(bias), with_dense_statistics(state), y);
  return record(
      node_name(state.activation, kNames), y, {x, weight, bias},
      [x = Saved(x), weight = Saved(weight), y = saved_result(state.activation, y),
       mean = Saved(state.running_mean), variance = Saved(state.running_var),
       eps = state.eps](const Tensor& gradient, InputGrads& dx) {
        const Tensor dy = before_activation(y.get(), gradient);
        const DType type = weight.get().dtype();
        const Tensor inv_std = reciprocal(sqrt(variance.get() + eps));
        const Tensor wide = dy.to(type);
        if (dx.wants(0)) dx.add(0, (wide * per_channel(weight.get() * inv_std, dy)).to(dy.dtype()));
        if (dx.wants(1)) {
          const Tensor normalised =
              (x.get().to(type) - per_channel(mean.get(), dy)) * per_channel(inv_std, dy);
          dx.add(
              1,
              sum_to(wide * normalised, per_channel(weight.get(), dy).shape()).reshape(weight.get().shape()));
        }
        if (dx.wants(2)) {
          dx.add(2, sum_to(wide, per_channel(weight.get(), dy).shape()).reshape(weight.get().shape()));
        }
      });
}

}  // namespace

Tensor batch_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& running_mean,
                  const Tensor& running_var, const BatchNormParams& params) {
  check_operands("batch_norm", {&x});
  check_one_floating_type("batch_norm", {&x});
  check<ShapeError>(x.rank() >= 2, "batch_norm: need x [N, C, ...], got {}", x.shape());
  check_channels("weight", weight, x);
  check_channels("bias", bias, x);
  check_channels("running_mean", running_mean, x);
  check_channels("running_var", running_var, x);
  check<ValueError>(
      running_mean.defined() == running_var.defined() && (params.training || running_mean.defined()),
      "batch_norm: evaluation needs running_mean and running_var; in training give both or none");
  check<ValueError>(params.eps > 0 && params.momentum >= 0 && params.momentum <= 1,
                    "batch_norm: need eps > 0 and momentum in [0, 1], got {} and {}", params.eps,
                    params.momentum);
  const Shape channels{x.dim(1)};
  const Tensor scale = weight.defined() ? weight : ones(channels, channel_type(x), x.device());
  const Tensor shift = bias.defined() ? bias : zeros(channels, channel_type(x), x.device());
  Backend::BatchNormState state{running_mean, running_var, params.momentum, params.eps, params.activation};
  return params.training ? train(x, scale, shift, state) : evaluate(x, scale, shift, state);
}

}  // namespace dlengine

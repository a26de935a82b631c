// Batch normalisation.
#include "dlengine/kernels/cpu/backend_cpu.h"
#include "dlengine/kernels/cpu/norm_planes.h"
#include "dlengine/kernels/cpu/norm_rows.h"

namespace dlengine {

namespace {

/// True where the channels are innermost.
bool has_rows(const Tensor& x, const NormSizes& sizes) { return sizes.length == 1 || !x.is_contiguous(); }

template <typename A>
A* data_or_null(const Tensor& x) {
  return x.defined() ? x.data<A>() : nullptr;
}

/// All but the results of training.
template <typename T>
NormForward<T> forward_of(const Tensor& x, const Tensor& weight, const Tensor& bias,
                          const Backend::BatchNormState& state, Tensor& y) {
  using A = Accumulate<T>;
  NormForward<T> n;
  n.x = x.data<T>();
  n.weight = weight.data<A>();
  n.bias = bias.data<A>();
  n.running_mean = data_or_null<A>(state.running_mean);
  n.running_var = data_or_null<A>(state.running_var);
  n.momentum = state.momentum;
  n.eps = state.eps;
  n.y = y.data<T>();
  return n;
}

}  // namespace

void CpuBackend::batch_norm_train(const Tensor& x, const Tensor& weight, const Tensor& bias,
                                  BatchNormState& state, Tensor& y, Tensor& mean, Tensor& inv_std) {
  if (mean.numel() == 0) return;
  const NormSizes sizes(x.shape());
  visit_floating(x.dtype(), "batch_norm_train", [&]<typename T>(Type<T>) {
    NormForward<T> n = forward_of<T>(x, weight, bias, state, y);
    n.mean = mean.data<Accumulate<T>>();
    n.inv_std = inv_std.data<Accumulate<T>>();
    visit(state.activation, [&]<typename End>(End) {
      has_rows(x, sizes) ? launch_train_rows<End>(sizes, n) : launch_train_planes<End>(sizes, n);
    });
  });
}

void CpuBackend::batch_norm_eval(const Tensor& x, const Tensor& weight, const Tensor& bias,
                                 const BatchNormState& state, Tensor& y) {
  if (y.numel() == 0) return;
  const NormSizes sizes(x.shape());
  visit_floating(x.dtype(), "batch_norm_eval", [&]<typename T>(Type<T>) {
    const NormForward<T> n = forward_of<T>(x, weight, bias, state, y);
    visit(state.activation, [&]<typename End>(End) {
      has_rows(x, sizes) ? launch_evaluate_rows<End>(sizes, n) : launch_evaluate_planes<End>(sizes, n);
    });
  });
}

void CpuBackend::batch_norm_grad(const Tensor& x, const Tensor& weight, const Tensor& mean,
                                 const Tensor& inv_std, const Tensor& y, const Tensor& dy, Tensor& dx,
                                 Tensor& dweight, Tensor& dbias) {
  if (mean.numel() == 0) return;
  const NormSizes sizes(x.shape());
  visit_floating(x.dtype(), "batch_norm_grad", [&]<typename T>(Type<T>) {
    using A = Accumulate<T>;
    NormGrad<T> n;
    n.x = x.data<T>();
    n.weight = weight.data<A>();
    n.mean = mean.data<A>();
    n.inv_std = inv_std.data<A>();
    n.y = (y.defined() ? y : dy).data<T>();
    n.dy = dy.data<T>();
    n.dx = dx.data<T>();
    n.dweight = dweight.data<A>();
    n.dbias = dbias.data<A>();
    visit(y.defined() ? Activation::relu : Activation::none, [&]<typename End>(End) {
      has_rows(x, sizes) ? launch_grad_rows<End>(sizes, n) : launch_grad_planes<End>(sizes, n);
    });
  });
}

}  // namespace dlengine

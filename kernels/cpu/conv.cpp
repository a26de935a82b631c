// Convolution: which way of computing it suits the sizes and the type.
#include "dlengine/kernels/cpu/conv.h"

#include "dlengine/core/factory.h"
#include "dlengine/core/image_layout.h"
#include "dlengine/core/numerics.h"
#include "dlengine/core/ops/common.h"
#include "dlengine/core/parallel.h"
#include "dlengine/kernels/cpu/backend_cpu.h"
#include "dlengine/kernels/cpu/direct_conv.h"
#include "dlengine/kernels/cpu/launch.h"
#include "dlengine/kernels/cpu/onednn.h"
#include "dlengine/kernels/cpu/prepared.h"
#include "dlengine/kernels/cpu/winograd.h"

namespace dlengine {

namespace {

// --- f32 ---

enum class Way { winograd, direct, library };

Way way_for(const ConvSizes& z) {
  constexpr int64_t kTilePixels = 16;
  if (winograd_enabled() && winograd::fits(z) && z.p * z.q >= kTilePixels) return Way::winograd;
  return direct::fits(z) ? Way::direct : Way::library;
}

/// The functions that compute one pass.
template <typename Data>
struct Functions {
  ConvPass pass;
  void (*winograd)(const ConvSizes&, const Data&, const winograd::Execution&);
  void (*direct)(const ConvSizes&, const Data&, const direct::Run&);
  void (*launch_library)(const ConvSizes&, const Data&);
};

constexpr Functions<ConvForward> kForward = {ConvPass::forward, winograd::forward, direct::forward,
                                             launch_library_forward};
constexpr Functions<ConvGradInput> kGradInput = {ConvPass::grad_input, winograd::grad_input,
                                                 direct::grad_input, launch_library_grad_input};
constexpr Functions<ConvGradWeight> kGradWeight = {ConvPass::grad_weight, winograd::grad_weight,
                                                   direct::grad_weight, launch_library_grad_weight};

template <typename Data>
void launch_pass(const Functions<Data>& functions, Way way, const ConvSizes& z, const Data& data) {
  const int threads = num_threads();
  if (way == Way::library) return functions.launch_library(z, data);
  if (way == Way::winograd) {
    const Scratch memory(winograd::workspace_bytes(functions.pass, z, threads));
    return launch([=, run = functions.winograd, workspace = memory.as()] {
      run(z, data, {workspace, threads});
    });
  }
  const Scratch memory(direct::workspace_bytes(functions.pass, z, {.threads = threads}));
  launch([=, run = functions.direct, workspace = memory.as()] { run(z, data, {workspace, threads}); });
}

void launch_forward(const ConvSizes& z, ConvForward data) {
  const Way way = way_for(z);
  if (way != Way::winograd) return launch_pass(kForward, way, z, data);
  const Prepared transformed(data.filters, winograd::transformed_bytes(z));
  auto* to = transformed.as<float>();
  transformed.fill([&] {
    launch(
        [=, filters = data.filters] { winograd::transform_filters(z, filters, to, winograd::best_isa()); });
  });
  data.filters = to;
  launch_pass(kForward, way, z, data);
}

const float* data_or_null(const Tensor& x) { return x.defined() ? x.data<float>() : nullptr; }

/// db [K]: the sum of dy over all axes but K.
void sum_bias(const Tensor& dy, Tensor& db) {
  Tensor channels = db.reshape({1, db.numel(), 1, 1});
  cpu_backend().reduce(ReduceOp::sum, dy, channels);
}

// --- 16-bit types ---

Tensor wide_images(const Tensor& x) { return dense(widened(x), ImageLayout::channels_last); }

Tensor wide_images_like(const Tensor& x) {
  return empty(x.shape(), DType::f32, kCpu, ImageLayout::channels_last);
}

}  // namespace

void CpuBackend::conv2d(const Tensor& x, const Tensor& w, const Tensor& bias, const Conv2dParams& params,
                        Tensor& y) {
  if (y.numel() == 0) return;
  if (is_narrow(y.dtype())) {
    Tensor wide = wide_images_like(y);
    conv2d(wide_images(x), widened(w), widened(bias), params, wide);
    return copy(wide, y);
  }
  const bool relu = params.activation == Activation::relu;
  const ConvSizes sizes(x.shape(), w.shape(), y.shape(), params);
  if (x.numel() == 0 || w.numel() == 0) {
    if (bias.defined()) {
      copy(Tensor(bias.storage(), bias.offset(), y.shape(), {0, 1, 0, 0}, bias.dtype()), y);
    } else {
      fill(y, 0);
    }
  } else if (y.dtype() == DType::f64) {
    conv2d_f64(sizes, x.data<double>(), w.data<double>(), bias.defined() ? bias.data<double>() : nullptr,
               y.data<double>());
  } else {
    return onednn::call("conv2d", [&] {
      launch_forward(sizes, {x.data<float>(), w.data<float>(), data_or_null(bias), relu, y.data<float>()});
    });
  }
  if (relu) unary(UnaryOp::relu, y, y);
}

void CpuBackend::conv2d_grad(const Tensor& dy, const Tensor& y, const Tensor& x, const Tensor& w,
                             const Conv2dParams& params, Conv2dGradients& result) {
  // Passes of f32 apply the mask as they read dy.
  const bool fused = dy.dtype() == DType::f32;
  const Tensor before = fused ? dy : before_activation(y, dy), mask = fused ? y : Tensor();
  auto& [dx, dw, db] = result;
  if (dx.defined()) conv2d_grad_input(before, mask, w, params, dx);
  if (!dw.defined() && !db.defined()) return;
  Tensor filters = dw.defined() ? dw : empty(w.shape(), w.dtype(), kCpu);
  conv2d_grad_weight(before, mask, x, params, filters, db);
}

void CpuBackend::conv2d_grad_input(const Tensor& dy, const Tensor& y, const Tensor& w,
                                   const Conv2dParams& params, Tensor& dx) {
  if (dx.numel() == 0) return;
  if (dy.numel() == 0 || w.numel() == 0) return fill(dx, 0);
  if (is_narrow(dx.dtype())) {
    Tensor wide = wide_images_like(dx);
    conv2d_grad_input(wide_images(dy), y, widened(w), params, wide);
    return copy(wide, dx);
  }
  const ConvSizes sizes(dx.shape(), w.shape(), dy.shape(), params);
  if (dx.dtype() == DType::f64) {
    return conv2d_grad_input_f64(sizes, dy.data<double>(), w.data<double>(), dx.data<double>());
  }
  onednn::call("conv2d_grad_input", [&] {
    const Way way = way_for(sizes);
    const bool library = way == Way::library;  // which knows no mask
    const Tensor gradient = library ? before_activation(y, dy) : dy, mask = library ? Tensor() : y;
    launch_pass(kGradInput, way, sizes,
                {gradient.data<float>(), data_or_null(mask), w.data<float>(), dx.data<float>()});
  });
}

void CpuBackend::conv2d_grad_weight(const Tensor& dy, const Tensor& y, const Tensor& x,
                                    const Conv2dParams& params, Tensor& dw, Tensor& db) {
  if (is_narrow(dw.dtype())) {
    Tensor wide = wide_like(dw), none;
    if (db.defined()) sum_bias(dy, db);
    conv2d_grad_weight(wide_images(dy), y, wide_images(x), params, wide, none);
    return copy(wide, dw);
  }
  const ConvSizes sizes(x.shape(), dw.shape(), dy.shape(), params);
  const bool empty = dw.numel() == 0 || dy.numel() == 0 || x.numel() == 0;
  const bool wide = dw.dtype() == DType::f64;
  const Way way = empty || wide ? Way::library : way_for(sizes);
  if (way != Way::library) {
    return launch_pass(kGradWeight, way, sizes,
                       {dy.data<float>(), data_or_null(y), x.data<float>(), dw.data<float>(),
                        db.defined() ? db.data<float>() : nullptr});
  }
  const Tensor before = before_activation(y, dy);
  if (db.defined()) sum_bias(before, db);
  if (empty) return fill(dw, 0);
  if (wide) return conv2d_grad_weight_f64(sizes, before.data<double>(), x.data<double>(), dw.data<double>());
  onednn::call("conv2d_grad_weight", [&] {
    launch_pass(kGradWeight, way, sizes,
                {before.data<float>(), nullptr, x.data<float>(), dw.data<float>(), nullptr});
  });
}

}  // namespace dlengine

// Batch norm by cuDNN, in its spatial mode: one mean and variance per channel over all other axes. Its
// descriptors are made once per shape.
#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <memory>

#include "dlengine/core/factory.h"
#include "dlengine/kernels/cuda/aligned.h"
#include "dlengine/kernels/cuda/backend_cuda.h"
#include "dlengine/kernels/cuda/cudnn_types.h"
#include "dlengine/kernels/cuda/factors.h"
#include "dlengine/kernels/cuda/queue.h"
#include "dlengine/kernels/plan_cache.h"

namespace dlengine::cuda {

namespace {

// x [N, C, ...] as cuDNN sees it, N*C images of pixels in a row.
struct Key {
  cudnnDataType_t type;
  int64_t samples, channels, pixels;
  friend bool operator==(const Key&, const Key&) = default;
  size_t hash() const { return hash_of(int(type), samples, channels, pixels); }
};

struct Descriptors {
  TensorDescriptor x, channels;  // channels: of the tensors that have one number for each
};

// For the first so many samples of x; made at their first use.
std::shared_ptr<const Descriptors> descriptors_for(const Tensor& x, int64_t samples) {
  static auto& all = *new PlanCache<Key, const Descriptors>;  // outlives the driver
  const Shape& shape = x.shape();
  Key key{cudnn_type("batch_norm", x.dtype()), samples, shape[1], 1};
  for (int axis = 2; axis < shape.rank(); ++axis) key.pixels *= shape[axis];
  return all.get(key, [&] {
    const cudnnDataType_t channel_type = key.type == CUDNN_DATA_DOUBLE ? key.type : CUDNN_DATA_FLOAT;
    return std::make_shared<const Descriptors>(
        Descriptors{tensor_descriptor(key.type, {key.samples, key.channels, key.pixels, 1}),
                    tensor_descriptor(channel_type, {1, key.channels, 1, 1})});
  });
}

// What y ends in, in place.
void finish(CudaBackend& backend, Activation activation, Tensor& y) {
  if (activation == Activation::relu) backend.unary(UnaryOp::relu, y, y);
}

bool are_aligned(std::initializer_list<const Tensor*> tensors) {
  return std::all_of(tensors.begin(), tensors.end(), [](const Tensor* x) { return is_aligned(*x); });
}

constexpr cudnnBatchNormMode_t kMode = CUDNN_BATCHNORM_SPATIAL;

}  // namespace

void CudaBackend::batch_norm_train(const Tensor& x, const Tensor& weight, const Tensor& bias,
                                   BatchNormState& state, Tensor& y, Tensor& mean, Tensor& inv_std) {
  if (x.numel() == 0) {
    fill(mean, 0);
    return fill(inv_std, 0);
  }
  if (!are_aligned({&x, &weight, &bias, &state.running_mean, &state.running_var, &y, &mean, &inv_std})) {
    BatchNormState moved = state;
    moved.running_mean = aligned(*this, state.running_mean);
    moved.running_var = aligned(*this, state.running_var);
    Tensor to = aligned_result(y), to_mean = aligned_result(mean), to_inv_std = aligned_result(inv_std);
    batch_norm_train(aligned(*this, x), aligned(*this, weight), aligned(*this, bias), moved, to, to_mean,
                     to_inv_std);
    write_back(*this, to, y);
    write_back(*this, to_mean, mean);
    write_back(*this, to_inv_std, inv_std);
    write_back(*this, moved.running_mean, state.running_mean);
    return write_back(*this, moved.running_var, state.running_var);
  }
  const Factors factors = factors_for(x.dtype());
  const bool running = state.running_mean.defined();
  const auto d = descriptors_for(x, x.shape()[0]);
  {
    Queue& queue = current_queue(x.device());
    const std::lock_guard lock(queue.mutex());
    // cuDNN's running variance is the unbiased one, as ours.
    DLENGINE_CUDA_CHECK(cudnnBatchNormalizationForwardTraining(
        queue.dnn(), kMode, factors.one, factors.zero, d->x.get(), x.raw(), d->x.get(), y.raw(),
        d->channels.get(), weight.raw(), bias.raw(), running ? state.momentum : 0,
        running ? state.running_mean.raw() : nullptr, running ? state.running_var.raw() : nullptr, state.eps,
        mean.raw(), inv_std.raw()));
  }
  finish(*this, state.activation, y);
}

void CudaBackend::batch_norm_eval(const Tensor& x, const Tensor& weight, const Tensor& bias,
                                  const BatchNormState& state, Tensor& y) {
  if (x.numel() == 0) return;
  if (!are_aligned({&x, &weight, &bias, &state.running_mean, &state.running_var, &y})) {
    BatchNormState moved = state;
    moved.running_mean = aligned(*this, state.running_mean);
    moved.running_var = aligned(*this, state.running_var);
    Tensor to = aligned_result(y);
    batch_norm_eval(aligned(*this, x), aligned(*this, weight), aligned(*this, bias), moved, to);
    return write_back(*this, to, y);
  }
  const Factors factors = factors_for(x.dtype());
  constexpr int64_t kMostSamples = 32768;  // cuDNN refuses more than 65535 in one call
  const int64_t samples = x.shape()[0];
  const size_t sample_bytes = size_t(x.numel() / samples) * size_of(x.dtype());
  for (int64_t first = 0; first < samples; first += kMostSamples) {
    const size_t offset = size_t(first) * sample_bytes;
    const auto d = descriptors_for(x, std::min(kMostSamples, samples - first));
    Queue& queue = current_queue(x.device());
    const std::lock_guard lock(queue.mutex());
    DLENGINE_CUDA_CHECK(cudnnBatchNormalizationForwardInference(
        queue.dnn(), kMode, factors.one, factors.zero, d->x.get(),
        static_cast<const std::byte*>(x.raw()) + offset, d->x.get(),
        static_cast<std::byte*>(y.raw()) + offset, d->channels.get(), weight.raw(), bias.raw(),
        state.running_mean.raw(), state.running_var.raw(), state.eps));
  }
  finish(*this, state.activation, y);
}

void CudaBackend::batch_norm_grad(const Tensor& x, const Tensor& weight, const Tensor& mean,
                                  const Tensor& inv_std, const Tensor& y, const Tensor& dy, Tensor& dx,
                                  Tensor& dweight, Tensor& dbias) {
  if (x.numel() == 0) {
    fill(dweight, 0);
    return fill(dbias, 0);
  }
  if (y.defined()) {
    Tensor before_relu = empty(dy.shape(), dy.dtype(), dy.device());
    unary_grad(UnaryOp::relu, y, dy, before_relu);
    return batch_norm_grad(x, weight, mean, inv_std, Tensor(), before_relu, dx, dweight, dbias);
  }
  if (!are_aligned({&x, &weight, &mean, &inv_std, &dy, &dx, &dweight, &dbias})) {
    Tensor to = aligned_result(dx), to_weight = aligned_result(dweight), to_bias = aligned_result(dbias);
    batch_norm_grad(aligned(*this, x), aligned(*this, weight), aligned(*this, mean), aligned(*this, inv_std),
                    Tensor(), aligned(*this, dy), to, to_weight, to_bias);
    write_back(*this, to, dx);
    write_back(*this, to_weight, dweight);
    return write_back(*this, to_bias, dbias);
  }
  const auto d = descriptors_for(x, x.shape()[0]);
  constexpr double kUnusedEps = 1e-5;  // cuDNN reads it only where mean and inv_std are not given
  {
    Queue& queue = current_queue(x.device());
    const std::lock_guard lock(queue.mutex());
    const auto [one, zero] = factors_for(x.dtype());
    DLENGINE_CUDA_CHECK(cudnnBatchNormalizationBackward(queue.dnn(), kMode, one, zero, one, zero, d->x.get(),
                                                        x.raw(), d->x.get(), dy.raw(), d->x.get(), dx.raw(),
                                                        d->channels.get(), weight.raw(), dweight.raw(),
                                                        dbias.raw(), kUnusedEps, mean.raw(), inv_std.raw()));
  }
}

}  // namespace dlengine::cuda

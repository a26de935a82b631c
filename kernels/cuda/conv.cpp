// Convolution by cuDNN: a plan per shape, made once. Only deterministic algorithms that multiply directly are
// used: Fourier and Winograd transforms round differently. f32 is true f32, without TF32. Bias and activation
// are added in the same call where cuDNN can.
#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <span>
#include <tuple>

#include "dlengine/core/check.h"
#include "dlengine/core/factory.h"
#include "dlengine/kernels/cuda/aligned.h"
#include "dlengine/kernels/cuda/backend_cuda.h"
#include "dlengine/kernels/cuda/context.h"
#include "dlengine/kernels/cuda/conv_grad.h"
#include "dlengine/kernels/cuda/cudnn_types.h"
#include "dlengine/kernels/cuda/factors.h"
#include "dlengine/kernels/cuda/queue.h"
#include "dlengine/kernels/plan_cache.h"

namespace dlengine::cuda {

namespace {

enum class Kind : int64_t { forward, forward_with_bias, grad_input, grad_weight };

// One of the convolutions of x, w and y, of which the kind says which is the result.
struct Problem {
  Kind kind;
  DType dtype;
  Device device;
  Nchw x, w, y;
  Conv2dParams params;
};

// All that a plan depends on.
struct PlanKey {
  std::array<int64_t, 23> values;

  explicit PlanKey(const Problem& p)
      : values{int64_t(p.kind),
               int64_t(p.dtype),
               p.device.index,
               p.x.n,
               p.x.c,
               p.x.h,
               p.x.w,
               p.w.n,
               p.w.c,
               p.w.h,
               p.w.w,
               p.y.n,
               p.y.c,
               p.y.h,
               p.y.w,
               p.params.stride.h,
               p.params.stride.w,
               p.params.padding.h,
               p.params.padding.w,
               p.params.dilation.h,
               p.params.dilation.w,
               p.params.groups,
               int64_t(p.params.activation)} {}
  friend bool operator==(const PlanKey&, const PlanKey&) = default;
  size_t hash() const {
    return std::apply([](auto... value) { return hash_of(value...); }, values);
  }
};

struct Plan {
  TensorDescriptor x, y;
  FilterDescriptor w;
  ConvolutionDescriptor convolution;
  ActivationDescriptor activation;
  TensorDescriptor bias;
  int algorithm = -1;  // none
  size_t workspace = 0;
  mutable std::atomic<bool> declined = false;  // when it was called
};

Nchw sizes(const Tensor& x) { return {x.shape()[0], x.shape()[1], x.shape()[2], x.shape()[3]}; }

bool is_half(DType dtype) { return dtype == DType::f16 || dtype == DType::bf16; }

// f32 is multiplied and added as such: cuDNN's default allows TF32.
cudnnMathType_t math_type(DType dtype) {
  if (is_half(dtype)) return CUDNN_TENSOR_OP_MATH;
  return dtype == DType::f32 ? CUDNN_FMA_MATH : CUDNN_DEFAULT_MATH;
}

ConvolutionDescriptor convolution_descriptor(DType dtype, const Conv2dParams& p) {
  cudnnConvolutionDescriptor_t raw = nullptr;
  DLENGINE_CUDA_CHECK(cudnnCreateConvolutionDescriptor(&raw));
  ConvolutionDescriptor descriptor(raw);
  DLENGINE_CUDA_CHECK(cudnnSetConvolution2dDescriptor(
      raw, to_cudnn_int(p.padding.h), to_cudnn_int(p.padding.w), to_cudnn_int(p.stride.h),
      to_cudnn_int(p.stride.w), to_cudnn_int(p.dilation.h), to_cudnn_int(p.dilation.w),
      CUDNN_CROSS_CORRELATION, dtype == DType::f64 ? CUDNN_DATA_DOUBLE : CUDNN_DATA_FLOAT));
  DLENGINE_CUDA_CHECK(cudnnSetConvolutionGroupCount(raw, to_cudnn_int(p.groups)));
  DLENGINE_CUDA_CHECK(cudnnSetConvolutionMathType(raw, math_type(dtype)));
  return descriptor;
}

bool multiplies_directly(cudnnConvolutionFwdAlgo_t algorithm) {
  return algorithm <= CUDNN_CONVOLUTION_FWD_ALGO_DIRECT;
}
// The one algorithm with which cuDNN adds a bias without an activation, and so, for the same bits, with one.
template <typename Algorithm>
bool takes_bias(Algorithm algorithm) {
  return int(algorithm) == CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM;
}

bool multiplies_directly(cudnnConvolutionBwdDataAlgo_t algorithm) {
  return algorithm <= CUDNN_CONVOLUTION_BWD_DATA_ALGO_1;
}
bool multiplies_directly(cudnnConvolutionBwdFilterAlgo_t algorithm) {
  return algorithm <= CUDNN_CONVOLUTION_BWD_FILTER_ALGO_1 || algorithm == CUDNN_CONVOLUTION_BWD_FILTER_ALGO_3;
}

// Takes the first algorithm of cuDNN's own ranking that is deterministic, multiplies directly and fits.
template <typename Perf, typename WorkspaceOf>
void choose(Plan& plan, const Problem& p, std::span<const Perf> ranking, WorkspaceOf&& workspace_of) {
  for (const Perf& entry : ranking) {
    if (entry.status != CUDNN_STATUS_SUCCESS || entry.determinism != CUDNN_DETERMINISTIC) continue;
    if (!multiplies_directly(entry.algo) || (p.kind == Kind::forward_with_bias && !takes_bias(entry.algo)))
      continue;
    if (is_half(p.dtype))
      DLENGINE_CUDA_CHECK(cudnnSetConvolutionMathType(plan.convolution.get(), entry.mathType));
    if (workspace_of(entry.algo, &plan.workspace) != CUDNN_STATUS_SUCCESS) continue;
    plan.algorithm = int(entry.algo);
    return;
  }
}

void choose_algorithm(cudnnHandle_t handle, const Problem& p, Plan& plan) {
  constexpr int kMost = 16;
  int count = 0;
  cudnnTensorDescriptor_t x = plan.x.get(), y = plan.y.get();
  cudnnFilterDescriptor_t w = plan.w.get();
  cudnnConvolutionDescriptor_t conv = plan.convolution.get();
  switch (p.kind) {
    case Kind::forward:
    case Kind::forward_with_bias: {
      cudnnConvolutionFwdAlgoPerf_t ranking[kMost];
      DLENGINE_CUDA_CHECK(
          cudnnGetConvolutionForwardAlgorithm_v7(handle, x, w, conv, y, kMost, &count, ranking));
      return choose(plan, p, std::span<const cudnnConvolutionFwdAlgoPerf_t>(ranking, size_t(count)),
                    [&](auto algorithm, size_t* bytes) {
                      return cudnnGetConvolutionForwardWorkspaceSize(handle, x, w, conv, y, algorithm, bytes);
                    });
    }
    case Kind::grad_input: {
      cudnnConvolutionBwdDataAlgoPerf_t ranking[kMost];
      DLENGINE_CUDA_CHECK(
          cudnnGetConvolutionBackwardDataAlgorithm_v7(handle, w, y, conv, x, kMost, &count, ranking));
      return choose(plan, p, std::span<const cudnnConvolutionBwdDataAlgoPerf_t>(ranking, size_t(count)),
                    [&](auto algorithm, size_t* bytes) {
                      return cudnnGetConvolutionBackwardDataWorkspaceSize(handle, w, y, conv, x, algorithm,
                                                                          bytes);
                    });
    }
    case Kind::grad_weight: {
      cudnnConvolutionBwdFilterAlgoPerf_t ranking[kMost];
      DLENGINE_CUDA_CHECK(
          cudnnGetConvolutionBackwardFilterAlgorithm_v7(handle, x, y, conv, w, kMost, &count, ranking));
      return choose(plan, p, std::span<const cudnnConvolutionBwdFilterAlgoPerf_t>(ranking, size_t(count)),
                    [&](auto algorithm, size_t* bytes) {
                      return cudnnGetConvolutionBackwardFilterWorkspaceSize(handle, x, y, conv, w, algorithm,
                                                                            bytes);
                    });
    }
  }
}

std::shared_ptr<const Plan> make_plan(cudnnHandle_t handle, const Problem& p) {
  const cudnnDataType_t type = cudnn_type("conv2d", p.dtype);
  auto plan = std::make_shared<Plan>(tensor_descriptor(type, p.x), tensor_descriptor(type, p.y),
                                     filter_descriptor(type, p.w), convolution_descriptor(p.dtype, p.params),
                                     activation_descriptor(p.params.activation),
                                     tensor_descriptor(type, {1, p.y.c, 1, 1}));
  choose_algorithm(handle, p, *plan);
  check<DeviceError>(
      plan->algorithm >= 0 || p.kind == Kind::forward_with_bias,
      "conv2d: cuDNN has no deterministic algorithm for x [{}, {}, {}, {}] and w [{}, {}, {}, {}] in {}",
      p.x.n, p.x.c, p.x.h, p.x.w, p.w.n, p.w.c, p.w.h, p.w.w, p.dtype);
  return plan;
}

// The plan for the problem, made at its first use.
std::shared_ptr<const Plan> plan_for(cudnnHandle_t handle, const Problem& problem) {
  static auto& plans = *new PlanCache<PlanKey, const Plan>;  // outlives the driver
  return plans.get(PlanKey(problem), [&] { return make_plan(handle, problem); });
}

// The two operands in the order of the backend's functions, and the result, to which is added or not.
struct Operands {
  Tensor first, second, result;
  bool add = false;
  Tensor bias = {};
};

// False, and nothing was done, where cuDNN has no way of adding the bias.
bool convolve_aligned(const Problem& p, const Operands& on) {
  Queue& queue = current_queue(p.device);
  const std::lock_guard lock(queue.mutex());
  cudnnHandle_t handle = queue.dnn();
  const std::shared_ptr<const Plan> plan = plan_for(handle, p);
  if (plan->algorithm < 0 || plan->declined) return false;
  const Scratch workspace(plan->workspace, p.device);
  const Factors factors = factors_for(p.dtype);
  const void *one = factors.one, *beta = on.add ? factors.one : factors.zero;
  const void *first = on.first.raw(), *second = on.second.raw();
  void* result = on.result.raw();
  cudnnTensorDescriptor_t x = plan->x.get(), y = plan->y.get();
  cudnnFilterDescriptor_t w = plan->w.get();
  cudnnConvolutionDescriptor_t conv = plan->convolution.get();
  switch (p.kind) {
    case Kind::forward:
      DLENGINE_CUDA_CHECK(cudnnConvolutionForward(handle, one, x, first, w, second, conv,
                                                  static_cast<cudnnConvolutionFwdAlgo_t>(plan->algorithm),
                                                  workspace.data(), plan->workspace, beta, y, result));
      break;
    case Kind::forward_with_bias: {
      // y stands for what else could be added, whose factor is 0.
      const cudnnStatus_t status = cudnnConvolutionBiasActivationForward(
          handle, one, x, first, w, second, conv, static_cast<cudnnConvolutionFwdAlgo_t>(plan->algorithm),
          workspace.data(), plan->workspace, factors.zero, y, result, plan->bias.get(), on.bias.raw(),
          plan->activation.get(), y, result);
      plan->declined = CUDNN_STATUS_CATEGORY(status) == CUDNN_STATUS_NOT_SUPPORTED;
      if (plan->declined) return false;
      check_call(status, "cudnnConvolutionBiasActivationForward");
      break;
    }
    case Kind::grad_input:
      DLENGINE_CUDA_CHECK(cudnnConvolutionBackwardData(
          handle, one, w, second, y, first, conv, static_cast<cudnnConvolutionBwdDataAlgo_t>(plan->algorithm),
          workspace.data(), plan->workspace, beta, x, result));
      break;
    case Kind::grad_weight:
      DLENGINE_CUDA_CHECK(
          cudnnConvolutionBackwardFilter(handle, one, x, second, y, first, conv,
                                         static_cast<cudnnConvolutionBwdFilterAlgo_t>(plan->algorithm),
                                         workspace.data(), plan->workspace, beta, w, result));
      break;
  }
  return true;
}

// The same for operands wherever they lie.
bool convolve(CudaBackend& backend, const Problem& p, const Operands& on) {
  const Tensor result = on.add ? aligned(backend, on.result) : aligned_result(on.result);
  if (!convolve_aligned(p, {aligned(backend, on.first), aligned(backend, on.second), result, on.add,
                            aligned(backend, on.bias)}))
    return false;
  write_back(backend, result, on.result);
  return true;
}

}  // namespace

void CudaBackend::conv2d(const Tensor& x, const Tensor& w, const Tensor& bias, const Conv2dParams& params,
                         Tensor& y) {
  if (y.numel() == 0) return;
  const bool is_sum = x.numel() > 0 && w.numel() > 0;
  Problem problem{Kind::forward_with_bias, x.dtype(), x.device(), sizes(x), sizes(w), sizes(y), params};
  if (is_sum && bias.defined() && convolve(*this, problem, {x, w, y, false, bias})) return;
  if (bias.defined()) {
    spread_bias(bias, 1, y);
  } else if (!is_sum) {
    fill(y, 0);
  }
  problem.kind = Kind::forward;
  if (is_sum) convolve(*this, problem, {x, w, y, bias.defined()});
  if (params.activation == Activation::relu) unary(UnaryOp::relu, y, y);
}

void CudaBackend::conv2d_grad(const Tensor& dy, const Tensor& y, const Tensor& x, const Tensor& w,
                              const Conv2dParams& params, Conv2dGradients& result) {
  auto& [dx, dw, db] = result;
  if (dy.numel() == 0) {
    for (Tensor* gradient : {&dx, &dw, &db}) {
      if (gradient->defined()) fill(*gradient, 0);
    }
    return;
  }
  const Tensor& images = x.defined() ? x : dx;
  if (images.numel() == 0 && dw.defined()) fill(dw, 0);
  const bool has_filters = dw.defined() && dw.numel() > 0 && images.numel() > 0;
  const bool has_images = dx.defined() && dx.numel() > 0;
  const bool own = has_filters && has_filter_grad(x, w, dy);
  if (own) filter_grad(dy, y, x, params, {dw, db});
  const bool masked = y.defined() && (has_images || !own);
  Tensor dz = masked ? empty(dy.shape(), dy.dtype(), dy.device()) : dy;
  if (db.defined() && !own) {
    bias_grad(dy, y, dz, db);
  } else if (masked) {
    unary_grad(UnaryOp::relu, y, dy, dz);
  }
  Problem problem{Kind::grad_input, dy.dtype(), dy.device(), sizes(images), sizes(w), sizes(dy), params};
  if (has_images) convolve(*this, problem, {dz, w, dx});
  problem.kind = Kind::grad_weight;
  if (has_filters && !own) convolve(*this, problem, {dz, x, dw});
}

}  // namespace dlengine::cuda

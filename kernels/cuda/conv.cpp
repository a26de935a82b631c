// Convolution by cuDNN: a plan per shape, made once. Only deterministic algorithms that multiply directly are
// used: Fourier and Winograd transforms round differently. f32 is true f32, without TF32.
#include <array>
#include <memory>
#include <mutex>
#include <tuple>

#include "dlengine/core/check.h"
#include "dlengine/kernels/cuda/backend_cuda.h"
#include "dlengine/kernels/cuda/context.h"
#include "dlengine/kernels/cuda/cudnn_types.h"
#include "dlengine/kernels/cuda/factors.h"
#include "dlengine/kernels/cuda/queue.h"
#include "dlengine/kernels/plan_cache.h"

namespace dlengine::cuda {

namespace {

enum class Kind : int64_t { forward, grad_input, grad_weight };

struct Problem {
  Kind kind;
  DType dtype;
  Device device;
  Nchw x, w, y;
  Conv2dParams params;
};

// All that a plan depends on.
struct PlanKey {
  std::array<int64_t, 22> values;

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
               p.params.groups} {}
  friend bool operator==(const PlanKey&, const PlanKey&) = default;
  size_t hash() const {
    return std::apply([](auto... value) { return hash_of(value...); }, values);
  }
};

struct Plan {
  TensorDescriptor x, y;
  FilterDescriptor w;
  ConvolutionDescriptor convolution;
  int algorithm = -1;
  size_t workspace = 0;
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
bool multiplies_directly(cudnnConvolutionBwdDataAlgo_t algorithm) {
  return algorithm <= CUDNN_CONVOLUTION_BWD_DATA_ALGO_1;
}
bool multiplies_directly(cudnnConvolutionBwdFilterAlgo_t algorithm) {
  return algorithm <= CUDNN_CONVOLUTION_BWD_FILTER_ALGO_1 || algorithm == CUDNN_CONVOLUTION_BWD_FILTER_ALGO_3;
}

// cuDNN's two questions for one kind of convolution, and their operands in its order.
template <typename Perf, typename Algorithm, typename A, typename B, typename C>
struct Questions {
  cudnnStatus_t (*rank)(cudnnHandle_t, A, B, cudnnConvolutionDescriptor_t, C, int, int*, Perf*);
  cudnnStatus_t (*workspace)(cudnnHandle_t, A, B, cudnnConvolutionDescriptor_t, C, Algorithm, size_t*);
  A a;
  B b;
  C c;
};

// Takes the first algorithm of cuDNN's own ranking that is deterministic, multiplies directly and fits.
template <typename Perf, typename Algorithm, typename A, typename B, typename C>
void choose(cudnnHandle_t handle, const Questions<Perf, Algorithm, A, B, C>& ask, DType dtype, Plan& plan) {
  constexpr int kMost = 16;
  Perf ranking[kMost];
  int count = 0;
  const cudnnConvolutionDescriptor_t convolution = plan.convolution.get();
  DLENGINE_CUDA_CHECK(ask.rank(handle, ask.a, ask.b, convolution, ask.c, kMost, &count, ranking));
  for (int i = 0; i < count; ++i) {
    const Perf& entry = ranking[i];
    if (entry.status != CUDNN_STATUS_SUCCESS || entry.determinism != CUDNN_DETERMINISTIC) continue;
    if (!multiplies_directly(entry.algo)) continue;
    if (is_half(dtype)) DLENGINE_CUDA_CHECK(cudnnSetConvolutionMathType(convolution, entry.mathType));
    if (ask.workspace(handle, ask.a, ask.b, convolution, ask.c, entry.algo, &plan.workspace) !=
        CUDNN_STATUS_SUCCESS) {
      continue;
    }
    plan.algorithm = int(entry.algo);
    return;
  }
}

std::shared_ptr<const Plan> make_plan(cudnnHandle_t handle, const Problem& p) {
  const cudnnDataType_t type = cudnn_type("conv2d", p.dtype);
  auto plan =
      std::make_shared<Plan>(Plan{tensor_descriptor(type, p.x), tensor_descriptor(type, p.y),
                                  filter_descriptor(type, p.w), convolution_descriptor(p.dtype, p.params)});
  const cudnnTensorDescriptor_t x = plan->x.get(), y = plan->y.get();
  const cudnnFilterDescriptor_t w = plan->w.get();
  switch (p.kind) {
    case Kind::forward:
      choose(
          handle,
          Questions{cudnnGetConvolutionForwardAlgorithm_v7, cudnnGetConvolutionForwardWorkspaceSize, x, w, y},
          p.dtype, *plan);
      break;
    case Kind::grad_input:
      choose(handle,
             Questions{cudnnGetConvolutionBackwardDataAlgorithm_v7,
                       cudnnGetConvolutionBackwardDataWorkspaceSize, w, y, x},
             p.dtype, *plan);
      break;
    case Kind::grad_weight:
      choose(handle,
             Questions{cudnnGetConvolutionBackwardFilterAlgorithm_v7,
                       cudnnGetConvolutionBackwardFilterWorkspaceSize, x, y, w},
             p.dtype, *plan);
      break;
  }
  check<DeviceError>(
      plan->algorithm >= 0,
      "conv2d: cuDNN has no deterministic algorithm for x [{}, {}, {}, {}] and w [{}, {}, {}, {}] in {}",
      p.x.n, p.x.c, p.x.h, p.x.w, p.w.n, p.w.c, p.w.h, p.w.w, p.dtype);
  return plan;
}

// The plan for the problem, made at its first use.
std::shared_ptr<const Plan> plan_for(cudnnHandle_t handle, const Problem& problem) {
  static auto& plans = *new PlanCache<PlanKey, const Plan>;  // outlives the driver
  return plans.get(PlanKey(problem), [&] { return make_plan(handle, problem); });
}

// Calls run(handle, plan, workspace) with the queue's handle held.
template <typename F>
void with_plan(const Problem& problem, F&& run) {
  Queue& queue = current_queue(problem.device);
  const std::lock_guard lock(queue.mutex());
  const cudnnHandle_t handle = queue.dnn();
  const std::shared_ptr<const Plan> plan = plan_for(handle, problem);
  const Scratch workspace(plan->workspace, problem.device);
  run(handle, *plan, workspace.data());
}

}  // namespace

void CudaBackend::conv2d(const Tensor& x, const Tensor& w, const Tensor& bias, const Conv2dParams& params,
                         Tensor& y) {
  if (y.numel() == 0) return;
  if (bias.defined()) spread_bias(bias, 1, y);
  const Factors factors = factors_for(x.dtype());
  const void* beta = bias.defined() ? factors.one : factors.zero;
  const Problem problem{Kind::forward, x.dtype(), x.device(), sizes(x), sizes(w), sizes(y), params};
  with_plan(problem, [&](cudnnHandle_t handle, const Plan& plan, void* workspace) {
    DLENGINE_CUDA_CHECK(cudnnConvolutionForward(handle, factors.one, plan.x.get(), x.raw(), plan.w.get(),
                                                w.raw(), plan.convolution.get(),
                                                static_cast<cudnnConvolutionFwdAlgo_t>(plan.algorithm),
                                                workspace, plan.workspace, beta, plan.y.get(), y.raw()));
  });
}

void CudaBackend::conv2d_grad_input(const Tensor& dy, const Tensor& w, const Conv2dParams& params,
                                    Tensor& dx) {
  if (dx.numel() == 0) return;
  if (dy.numel() == 0) return fill(dx, 0);
  const Factors factors = factors_for(dy.dtype());
  const Problem problem{Kind::grad_input, dy.dtype(), dy.device(), sizes(dx), sizes(w), sizes(dy), params};
  with_plan(problem, [&](cudnnHandle_t handle, const Plan& plan, void* workspace) {
    DLENGINE_CUDA_CHECK(cudnnConvolutionBackwardData(
        handle, factors.one, plan.w.get(), w.raw(), plan.y.get(), dy.raw(), plan.convolution.get(),
        static_cast<cudnnConvolutionBwdDataAlgo_t>(plan.algorithm), workspace, plan.workspace, factors.zero,
        plan.x.get(), dx.raw()));
  });
}

void CudaBackend::conv2d_grad_weight(const Tensor& dy, const Tensor& x, const Conv2dParams& params,
                                     Tensor& dw) {
  if (dw.numel() == 0) return;
  if (dy.numel() == 0) return fill(dw, 0);
  const Factors factors = factors_for(dy.dtype());
  const Problem problem{Kind::grad_weight, dy.dtype(), dy.device(), sizes(x), sizes(dw), sizes(dy), params};
  with_plan(problem, [&](cudnnHandle_t handle, const Plan& plan, void* workspace) {
    DLENGINE_CUDA_CHECK(cudnnConvolutionBackwardFilter(
        handle, factors.one, plan.x.get(), x.raw(), plan.y.get(), dy.raw(), plan.convolution.get(),
        static_cast<cudnnConvolutionBwdFilterAlgo_t>(plan.algorithm), workspace, plan.workspace, factors.zero,
        plan.w.get(), dw.raw()));
  });
}

}  // namespace dlengine::cuda

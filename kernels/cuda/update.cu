// Optimizer steps over flat arrays: one kernel reads the weight, its gradient and the optimizer's state once
// and writes them once, 16 bytes at a time. The formulas are in kernels/update_rules.h.
#include <algorithm>
#include <utility>

#include "dlengine/kernels/cuda/backend_cuda.h"
#include "dlengine/kernels/cuda/context.h"
#include "dlengine/kernels/cuda/launch.h"
#include "dlengine/kernels/cuda/vec.cuh"
#include "dlengine/kernels/cuda/walk.cuh"
#include "dlengine/kernels/update_rules.h"

namespace dlengine::cuda {

namespace {

template <int kWidth, typename T, typename Rule, typename... State>
__device__ void update_group(const Rule& rule, T* w, const T* g, State*... state) {
  auto weights = load_vec<T, kWidth>(w);
  const auto gradients = load_vec<T, kWidth>(g);
  [&](Vec<State, kWidth>... states) {
#pragma unroll
    for (int lane = 0; lane < kWidth; ++lane) {
      rule(weights.lane[lane], gradients.lane[lane], states.lane[lane]...);
    }
    (store_vec(state, states), ...);
  }(load_vec<State, kWidth>(state)...);
  store_vec(w, weights);
}

// Enough to fill a GPU; where there is more to do, each goes on to its next elements.
constexpr int64_t kMostBlocks = 1024;

// n elements each; aligned: all addresses are multiples of 16. One thread of each block makes the rule.
template <typename Rule, typename Step, typename T, typename... State>
__global__ void update_kernel(Step step, int64_t n, bool aligned, T* w, const T* g, State*... state) {
  constexpr int kWidth = int(16 / sizeof(T));
  DLENGINE_SHARED(Rule, made, [1]);
  if (threadIdx.x == 0) made[0] = Rule(step);
  __syncthreads();
  const Rule& rule = made[0];
  const int64_t stride = int64_t{gridDim.x} * kThreads * kWidth;
  for (int64_t first = thread_number() * kWidth; first < n; first += stride) {
    if (aligned && first + kWidth <= n) {
      update_group<kWidth>(rule, w + first, g + first, (state + first)...);
    } else {
      const int64_t end = min(first + kWidth, n);
      for (int64_t i = first; i < end; ++i) rule(w[i], g[i], state[i]...);
    }
  }
}

template <typename Rule, typename T, typename Step, typename... State>
void launch_update(const Step& step, Tensor& w, const Tensor& g, State&... state) {
  const int64_t n = w.numel();
  if (n == 0) return;
  const int64_t blocks = std::min<int64_t>(kMostBlocks, blocks_for(n, kThreads * int64_t(16 / sizeof(T))));
  const bool aligned = aligned16(w.raw(), g.raw(), state.raw()...);
  const auto pointer = [](Tensor& tensor) { return tensor.template data<T>(); };
  const auto optimizer_update =
      update_kernel<Rule, Step, T, std::remove_pointer_t<decltype(pointer(state))>...>;
  DLENGINE_LAUNCH(optimizer_update, unsigned(blocks), kThreads, 0, enter(w.device()), step, n, aligned,
                  w.data<T>(), g.data<T>(), pointer(state)...);
}

// The optimizers keep their weights in f32 or f64.
template <typename F>
void visit_master(const char* name, DType dtype, F&& f) {
  if (dtype == DType::f32) return f(Type<float>{});
  if (dtype == DType::f64) return f(Type<double>{});
  throw_unsupported_dtype(name, dtype, "f32 or f64");
}

}  // namespace

void CudaBackend::sgd_update(Tensor& w, const Tensor& g, Tensor& velocity, const SgdStep& step) {
  visit_master("sgd_update", w.dtype(), [&]<typename T>(Type<T>) {
    velocity.defined() ? launch_update<SgdRule<T>, T>(step, w, g, velocity)
                       : launch_update<SgdRule<T>, T>(step, w, g);
  });
}

void CudaBackend::rmsprop_update(Tensor& w, const Tensor& g, Tensor& mean_square, Tensor& velocity,
                                 const RmspropStep& step) {
  visit_master("rmsprop_update", w.dtype(), [&]<typename T>(Type<T>) {
    velocity.defined() ? launch_update<RmspropRule<T>, T>(step, w, g, mean_square, velocity)
                       : launch_update<RmspropRule<T>, T>(step, w, g, mean_square);
  });
}

void CudaBackend::adam_update(Tensor& w, const Tensor& g, Tensor& m, Tensor& v, const AdamStep& step) {
  visit_master("adam_update", w.dtype(),
               [&]<typename T>(Type<T>) { launch_update<AdamRule<T>, T>(step, w, g, m, v); });
}

void CudaBackend::adagrad_update(Tensor& w, const Tensor& g, Tensor& sum, const AdagradStep& step) {
  visit_master("adagrad_update", w.dtype(),
               [&]<typename T>(Type<T>) { launch_update<AdagradRule<T>, T>(step, w, g, sum); });
}

void CudaBackend::adadelta_update(Tensor& w, const Tensor& g, Tensor& mean_square, Tensor& mean_delta,
                                  const AdadeltaStep& step) {
  visit_master("adadelta_update", w.dtype(), [&]<typename T>(Type<T>) {
    launch_update<AdadeltaRule<T>, T>(step, w, g, mean_square, mean_delta);
  });
}

void CudaBackend::adamax_update(Tensor& w, const Tensor& g, Tensor& m, Tensor& largest,
                                const AdamaxStep& step) {
  visit_master("adamax_update", w.dtype(),
               [&]<typename T>(Type<T>) { launch_update<AdamaxRule<T>, T>(step, w, g, m, largest); });
}

void CudaBackend::nadam_update(Tensor& w, const Tensor& g, Tensor& m, Tensor& v, const NadamStep& step) {
  visit_master("nadam_update", w.dtype(),
               [&]<typename T>(Type<T>) { launch_update<NadamRule<T>, T>(step, w, g, m, v); });
}

void CudaBackend::lion_update(Tensor& w, const Tensor& g, Tensor& m, const LionStep& step) {
  visit_master("lion_update", w.dtype(),
               [&]<typename T>(Type<T>) { launch_update<LionRule<T>, T>(step, w, g, m); });
}

}  // namespace dlengine::cuda

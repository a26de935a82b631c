// Optimizer updates: one pass over all parameters. The formulas are in kernels/update_rules.h.
#include "dlengine/core/dtype.h"
#include "dlengine/core/parallel.h"
#include "dlengine/kernels/cpu/backend_cpu.h"
#include "dlengine/kernels/cpu/map.h"
#include "dlengine/kernels/update_rules.h"

namespace dlengine {

namespace {

/// rule(w, g, state...) for each of n elements; nothing overlaps.
template <typename T, typename Rule, typename... State>
DLENGINE_VECTORIZED void update_range(const Rule rule, int64_t n, T* __restrict w, const T* __restrict g,
                                      State* __restrict... state) {
  for (int64_t i = 0; i < n; ++i) rule(w[i], g[i], state[i]...);
}

/// The rule is made as the update runs, since the step of a recorded update moves on from replay to replay.
template <typename Rule, typename T, typename Step, typename... State>
void launch_update(const Step& step, Tensor& w, const Tensor& g, State*... state) {
  T* const weights = w.data<T>();
  const T* const gradients = g.data<T>();
  launch([=, count = w.numel()] {
    const Rule rule(step);
    parallel_for(count, kGrain, [&](int64_t begin, int64_t end) {
      update_range<T>(rule, end - begin, weights + begin, gradients + begin, (state + begin)...);
    });
  });
}

/// f32 and f64 are what parameters are kept in.
template <typename F>
void visit_parameter_type(const char* op, DType dtype, F&& f) {
  if (dtype == DType::f32) return f(Type<float>{});
  if (dtype == DType::f64) return f(Type<double>{});
  throw_unsupported_dtype(op, dtype, "f32 or f64");
}

}  // namespace

void CpuBackend::sgd_update(Tensor& w, const Tensor& g, Tensor& velocity, const SgdStep& step) {
  visit_parameter_type("sgd_update", w.dtype(), [&]<typename T>(Type<T>) {
    if (velocity.defined()) return launch_update<SgdRule<T>, T>(step, w, g, velocity.data<T>());
    launch_update<SgdRule<T>, T>(step, w, g);
  });
}

void CpuBackend::rmsprop_update(Tensor& w, const Tensor& g, Tensor& mean_square, Tensor& velocity,
                                const RmspropStep& step) {
  visit_parameter_type("rmsprop_update", w.dtype(), [&]<typename T>(Type<T>) {
    T* const squares = mean_square.data<T>();
    if (velocity.defined()) {
      return launch_update<RmspropRule<T>, T>(step, w, g, squares, velocity.data<T>());
    }
    launch_update<RmspropRule<T>, T>(step, w, g, squares);
  });
}

void CpuBackend::adam_update(Tensor& w, const Tensor& g, Tensor& m, Tensor& v, const AdamStep& step) {
  visit_parameter_type("adam_update", w.dtype(), [&]<typename T>(Type<T>) {
    launch_update<AdamRule<T>, T>(step, w, g, m.data<T>(), v.data<T>());
  });
}

void CpuBackend::adagrad_update(Tensor& w, const Tensor& g, Tensor& sum, const AdagradStep& step) {
  visit_parameter_type("adagrad_update", w.dtype(), [&]<typename T>(Type<T>) {
    launch_update<AdagradRule<T>, T>(step, w, g, sum.data<T>());
  });
}

void CpuBackend::adadelta_update(Tensor& w, const Tensor& g, Tensor& mean_square, Tensor& mean_delta,
                                 const AdadeltaStep& step) {
  visit_parameter_type("adadelta_update", w.dtype(), [&]<typename T>(Type<T>) {
    launch_update<AdadeltaRule<T>, T>(step, w, g, mean_square.data<T>(), mean_delta.data<T>());
  });
}

void CpuBackend::adamax_update(Tensor& w, const Tensor& g, Tensor& m, Tensor& largest,
                               const AdamaxStep& step) {
  visit_parameter_type("adamax_update", w.dtype(), [&]<typename T>(Type<T>) {
    launch_update<AdamaxRule<T>, T>(step, w, g, m.data<T>(), largest.data<T>());
  });
}

void CpuBackend::nadam_update(Tensor& w, const Tensor& g, Tensor& m, Tensor& v, const NadamStep& step) {
  visit_parameter_type("nadam_update", w.dtype(), [&]<typename T>(Type<T>) {
    launch_update<NadamRule<T>, T>(step, w, g, m.data<T>(), v.data<T>());
  });
}

void CpuBackend::lion_update(Tensor& w, const Tensor& g, Tensor& m, const LionStep& step) {
  visit_parameter_type("lion_update", w.dtype(),
                       [&]<typename T>(Type<T>) { launch_update<LionRule<T>, T>(step, w, g, m.data<T>()); });
}

}  // namespace dlengine

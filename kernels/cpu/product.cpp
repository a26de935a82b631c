// Products of matrices by oneDNN.
#include "dlengine/kernels/cpu/product.h"

#include "dlengine/core/dtype.h"
#include "dlengine/kernels/cpu/launch.h"
#include "dlengine/kernels/cpu/onednn.h"
#include "dlengine/kernels/plan_cache.h"

namespace dlengine {

struct ProductPlan {
  dnnl::matmul primitive;
  onednn::Desc a, b, bias, y, scratchpad;
};

namespace {

using Type = dnnl::memory::data_type;

template <typename T>
constexpr Type kType = Type::f32;
template <>
constexpr Type kType<BFloat16> = Type::bf16;

struct Key {
  Product product;
  Type type = Type::f32;
  bool bias = false;
  Activation activation = Activation::none;
  int threads = 1;
  friend bool operator==(const Key&, const Key&) = default;
  size_t hash() const {
    const auto& [m, n, k, a, b] = product;
    return hash_of(m, n, k, a.step, a.transposed, b.step, b.transposed, int(type), bias, int(activation),
                   threads);
  }
};

onednn::Desc matrix_desc(int64_t rows, int64_t columns, const MatrixLayout& layout, Type type) {
  const onednn::Sizes strides =
      layout.transposed ? onednn::Sizes{1, layout.step} : onednn::Sizes{layout.step, 1};
  return {{rows, columns}, type, strides};
}

std::shared_ptr<ProductPlan> make_plan(const Key& key) {
  const Product& p = key.product;
  auto plan = std::make_shared<ProductPlan>();
  plan->a = matrix_desc(p.m, p.k, p.a, key.type);
  plan->b = matrix_desc(p.k, p.n, p.b, key.type);
  plan->y = matrix_desc(p.m, p.n, {p.n, false}, key.type);
  if (key.bias) plan->bias = matrix_desc(1, p.n, {p.n, false}, key.type);
  const auto attributes = onednn::attributes(key.activation);
  const dnnl::matmul::primitive_desc primitive =
      key.bias ? onednn::describe<dnnl::matmul>(attributes, plan->a, plan->b, plan->bias, plan->y)
               : onednn::describe<dnnl::matmul>(attributes, plan->a, plan->b, plan->y);
  plan->primitive = dnnl::matmul(primitive);
  plan->scratchpad = primitive.scratchpad_desc();
  return plan;
}

/// The plan for this thread's team, which the caller has set to the key's threads.
std::shared_ptr<ProductPlan> plan_for(const Key& key) {
  static PlanCache<Key, ProductPlan> cache;
  return cache.get(key, [&] { return make_plan(key); });
}

template <typename T>
onednn::Call call_of(const ProductPlan& plan, const ProductOperands<T>& at, const Scratch& scratchpad) {
  return {plan.primitive,
          {{DNNL_ARG_SRC, plan.a, at.a},
           {DNNL_ARG_WEIGHTS, plan.b, at.b},
           {DNNL_ARG_BIAS, plan.bias, at.bias},
           {DNNL_ARG_DST, plan.y, at.y},
           {DNNL_ARG_SCRATCHPAD, plan.scratchpad, scratchpad.as()}}};
}

}  // namespace

template <typename T>
void launch_product(const Product& product, const ProductOperands<T>& at) {
  const int threads = onednn::team_size();
  const onednn::Team team(threads);
  const auto plan = plan_for({product, kType<T>, at.bias != nullptr, at.activation, threads});
  const Scratch scratchpad(plan->scratchpad.get_size());
  launch([call = call_of(*plan, at, scratchpad), threads] {
    const onednn::Team same_team(threads);
    call();
  });
}

template <typename T>
PreparedProduct<T>::PreparedProduct(const Product& product, int threads) {
  const onednn::Team team(threads);
  plan_ = plan_for({product, kType<T>, false, Activation::none, threads});
}

template <typename T>
void PreparedProduct<T>::operator()(const ProductOperands<T>& at) const {
  const Scratch scratchpad(plan_->scratchpad.get_size());
  call_of(*plan_, at, scratchpad)();
}

template void launch_product(const Product&, const ProductOperands<float>&);
template void launch_product(const Product&, const ProductOperands<BFloat16>&);
template class PreparedProduct<float>;
template class PreparedProduct<BFloat16>;

bool multiplies_bf16() {
  using dnnl::cpu_isa;
  static const bool yes = [] {
    const auto has = static_cast<unsigned>(dnnl::get_effective_cpu_isa());
    const auto needed = static_cast<unsigned>(cpu_isa::avx512_core_bf16);
    return (has & needed) == needed;
  }();
  return yes;
}

}  // namespace dlengine

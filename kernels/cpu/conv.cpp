// Convolution by oneDNN in f32, which also computes for the 16-bit types.
//
// Tensors are NCHW, while oneDNN's fast kernels want channels in blocks of 16. So each thread takes a few
// images that fit into its cache, reorders them, runs a primitive prepared for one thread and reorders the
// result: the blocked copies never reach main memory. Only where there are too few images do all threads
// share one call.
#include "dlengine/kernels/cpu/conv.h"

#include <algorithm>

#include "dlengine/core/parallel.h"
#include "dlengine/kernels/cpu/backend_cpu.h"
#include "dlengine/kernels/cpu/map.h"
#include "dlengine/kernels/cpu/onednn.h"
#include "dlengine/kernels/plan_cache.h"

namespace dlengine {

namespace {

using onednn::Desc;
using onednn::Operand;
using onednn::Sizes;

enum class Pass { forward, grad_input, grad_weight };

struct Key {
  Pass pass;
  ConvSizes sizes;
  bool bias;
  int threads;
  friend bool operator==(const Key&, const Key&) = default;
  size_t hash() const {
    const Conv2dParams& p = sizes.params;
    return hash_of(int(pass), bias, threads, sizes.n, sizes.c, sizes.h, sizes.w, sizes.k, sizes.r, sizes.s,
                   p.stride.h, p.stride.w, p.padding.h, p.padding.w, p.dilation.h, p.dilation.w, p.groups);
  }
};

struct Plan {
  dnnl::primitive primitive;
  Operand x, filters, y;  // x and y: the images of one call
  Desc bias, scratchpad;
  int64_t images = 0;  // of one call
  int64_t calls = 0;
  int64_t slots = 0;  // grad_weight: sums that calls are added to, in a fixed order
  int threads = 1;    // that share one call
  int all_threads = 1;
};

// --- Preparing ---

constexpr int64_t kCallBytes = int64_t{1} << 20;  // of images and results: about what a core's cache holds
constexpr int64_t kSlotBytes = int64_t{8} << 20;  // of all sums of a weight gradient

int64_t blocked(int64_t channels) { return (channels + 15) / 16 * 16; }

int64_t image_bytes(const ConvSizes& z) { return 4 * (blocked(z.c) * z.h * z.w + blocked(z.k) * z.p * z.q); }

/// How many sums a weight gradient is first collected in; it depends on the shapes alone.
int64_t slots_of(const ConvSizes& z) {
  const int64_t sum_bytes = 4 * blocked(z.k) * blocked(z.group_inputs()) * z.r * z.s;
  return std::clamp<int64_t>(kSlotBytes / sum_bytes, 4, 8);
}

/// Divides the batch into calls, which the threads share out if there are enough of them.
void split_batch(const Key& key, Plan& plan) {
  const ConvSizes& z = key.sizes;
  // A weight gradient is cut without regard to the threads, so that their number changes no bit unless there
  // are more threads than sums.
  const bool sums = key.pass == Pass::grad_weight;
  const int64_t most = std::max<int64_t>(1, z.n / (sums ? slots_of(z) : key.threads));
  plan.images = std::clamp<int64_t>(kCallBytes / image_bytes(z), 1, most);
  while (z.n % plan.images != 0) --plan.images;
  plan.calls = z.n / plan.images;
  plan.slots = sums ? std::min(plan.calls, slots_of(z)) : plan.calls;
  plan.all_threads = key.threads;
  const bool even = plan.slots % key.threads == 0 || plan.slots >= int64_t{4} * key.threads;
  if (even || (sums && plan.slots >= key.threads)) return;
  plan.images = z.n;
  plan.calls = plan.slots = 1;
  plan.threads = key.threads;
}

/// What oneDNN is told of one call.
struct Problem {
  Sizes x, filters, y, bias, strides, dilations, padding;

  Problem(const ConvSizes& z, int64_t images)
      : x{images, z.c, z.h, z.w},
        filters{z.k, z.c, z.r, z.s},
        y{images, z.k, z.p, z.q},
        bias{z.k},
        strides{z.params.stride.h, z.params.stride.w},
        dilations{z.params.dilation.h - 1, z.params.dilation.w - 1},  // oneDNN counts the gaps
        padding{z.params.padding.h, z.params.padding.w} {
    if (z.params.groups > 1) filters = {z.params.groups, z.group_outputs(), z.group_inputs(), z.r, z.s};
  }
};

using Forward = dnnl::convolution_forward;
using BackwardData = dnnl::convolution_backward_data;
using BackwardWeights = dnnl::convolution_backward_weights;
constexpr auto kDirect = dnnl::algorithm::convolution_direct;

Forward::primitive_desc forward_desc(const Problem& p, bool bias) {
  using onednn::any;
  const auto kind = dnnl::prop_kind::forward_training;
  const Forward::desc desc =
      bias ? Forward::desc(kind, kDirect, any(p.x), any(p.filters), onednn::plain(p.bias), any(p.y),
                           p.strides, p.dilations, p.padding, p.padding)
           : Forward::desc(kind, kDirect, any(p.x), any(p.filters), any(p.y), p.strides, p.dilations,
                           p.padding, p.padding);
  return {desc, onednn::user_scratchpad(), onednn::engine()};
}

/// The descriptors of a primitive's three tensors, in the order that it chose.
struct Chosen {
  Desc x, filters, y;
};

Chosen make_primitive(const Key& key, const Problem& p, Plan& plan) {
  using onednn::any;
  const onednn::Team team(plan.threads);
  const Forward::primitive_desc forward = forward_desc(p, key.bias);
  switch (key.pass) {
    case Pass::forward:
      plan.primitive = Forward(forward);
      plan.scratchpad = forward.scratchpad_desc();
      return {forward.src_desc(), forward.weights_desc(), forward.dst_desc()};
    case Pass::grad_input: {
      const BackwardData::primitive_desc desc(
          {kDirect, any(p.x), any(p.filters), any(p.y), p.strides, p.dilations, p.padding, p.padding},
          onednn::user_scratchpad(), onednn::engine(), forward);
      plan.primitive = BackwardData(desc);
      plan.scratchpad = desc.scratchpad_desc();
      return {desc.diff_src_desc(), desc.weights_desc(), desc.diff_dst_desc()};
    }
    case Pass::grad_weight: {
      const BackwardWeights::primitive_desc desc(
          {kDirect, any(p.x), any(p.filters), any(p.y), p.strides, p.dilations, p.padding, p.padding},
          onednn::user_scratchpad(), onednn::engine(), forward);
      plan.primitive = BackwardWeights(desc);
      plan.scratchpad = desc.scratchpad_desc();
      return {desc.src_desc(), desc.diff_weights_desc(), desc.diff_dst_desc()};
    }
  }
  return {};
}

std::shared_ptr<Plan> make_plan(const Key& key) {
  auto plan = std::make_shared<Plan>();
  split_batch(key, *plan);
  const Problem problem(key.sizes, plan->images);
  const Chosen chosen = make_primitive(key, problem, *plan);
  const auto way = [&](Pass written) { return key.pass == written ? Operand::Way::out : Operand::Way::in; };
  {
    const onednn::Team team(plan->threads);
    plan->x = Operand(onednn::plain(problem.x), chosen.x, way(Pass::grad_input));
    plan->y = Operand(onednn::plain(problem.y), chosen.y, way(Pass::forward));
  }
  const onednn::Team team(plan->all_threads);
  plan->filters = Operand(onednn::plain(problem.filters), chosen.filters, way(Pass::grad_weight));
  if (key.bias) plan->bias = onednn::plain(problem.bias);
  return plan;
}

std::shared_ptr<Plan> plan_for(Pass pass, const ConvSizes& sizes, bool bias) {
  static PlanCache<Key, Plan> cache;
  const Key key{pass, sizes, bias, onednn::team_size()};
  return cache.get(key, [&] { return make_plan(key); });
}

// --- Running ---

/// Memory of one thread for calls.
struct Buffers {
  Scratch x, y, scratchpad;
  explicit Buffers(const Plan& plan)
      : x(plan.x.buffer_bytes()), y(plan.y.buffer_bytes()), scratchpad(plan.scratchpad.get_size()) {}
};

const float* load_filters(const Plan& plan, const float* filters, const Scratch& buffer) {
  const onednn::Team team(plan.all_threads);
  return static_cast<const float*>(plan.filters.load(filters, buffer.as()));
}

/// Calls f(number of the call, buffers); the threads share out the calls.
template <typename F>
void for_each_call(const Plan& plan, const F& f) {
  const onednn::Team team(plan.threads);
  parallel_for(plan.calls, 1, [&](int64_t begin, int64_t end) {
    const Buffers buffers(plan);
    for (int64_t call = begin; call < end; ++call) f(call, buffers);
  });
}

void run_forward(const ConvSizes& z, const float* x, const float* filters, const float* bias, float* y) {
  const auto plan = plan_for(Pass::forward, z, bias != nullptr);
  const Scratch filter_buffer(plan->filters.buffer_bytes());
  const float* taps = load_filters(*plan, filters, filter_buffer);
  for_each_call(*plan, [&](int64_t call, const Buffers& buffers) {
    const void* images = plan->x.load(x + call * plan->images * z.c * z.h * z.w, buffers.x.as());
    float* out = y + call * plan->images * z.k * z.p * z.q;
    void* results = plan->y.target(out, buffers.y.as());
    onednn::execute(plan->primitive, {{DNNL_ARG_SRC, plan->x.inner(), images},
                                      {DNNL_ARG_WEIGHTS, plan->filters.inner(), taps},
                                      {DNNL_ARG_BIAS, plan->bias, bias},
                                      {DNNL_ARG_DST, plan->y.inner(), results},
                                      {DNNL_ARG_SCRATCHPAD, plan->scratchpad, buffers.scratchpad.as()}});
    plan->y.store(results, out);
  });
}

void run_grad_input(const ConvSizes& z, const float* dy, const float* filters, float* dx) {
  const auto plan = plan_for(Pass::grad_input, z, false);
  const Scratch filter_buffer(plan->filters.buffer_bytes());
  const float* taps = load_filters(*plan, filters, filter_buffer);
  for_each_call(*plan, [&](int64_t call, const Buffers& buffers) {
    const void* gradients = plan->y.load(dy + call * plan->images * z.k * z.p * z.q, buffers.y.as());
    float* out = dx + call * plan->images * z.c * z.h * z.w;
    void* results = plan->x.target(out, buffers.x.as());
    onednn::execute(plan->primitive, {{DNNL_ARG_DIFF_DST, plan->y.inner(), gradients},
                                      {DNNL_ARG_WEIGHTS, plan->filters.inner(), taps},
                                      {DNNL_ARG_DIFF_SRC, plan->x.inner(), results},
                                      {DNNL_ARG_SCRATCHPAD, plan->scratchpad, buffers.scratchpad.as()}});
    plan->x.store(results, out);
  });
}

/// sums: the gradient of the images of one call, in the primitive's order.
void run_weight_call(const Plan& plan, const float* dy, const float* x, const Buffers& buffers, float* sums) {
  const void* images = plan.x.load(x, buffers.x.as());
  const void* gradients = plan.y.load(dy, buffers.y.as());
  onednn::execute(plan.primitive, {{DNNL_ARG_SRC, plan.x.inner(), images},
                                   {DNNL_ARG_DIFF_DST, plan.y.inner(), gradients},
                                   {DNNL_ARG_DIFF_WEIGHTS, plan.filters.inner(), sums},
                                   {DNNL_ARG_SCRATCHPAD, plan.scratchpad, buffers.scratchpad.as()}});
}

/// sums[i] += more[i]
void add_to(float* __restrict sums, const float* __restrict more, int64_t count) {
  for (int64_t i = 0; i < count; ++i) sums[i] += more[i];
}

void run_grad_weight(const ConvSizes& z, const float* dy, const float* x, float* dfilters) {
  const auto plan = plan_for(Pass::grad_weight, z, false);
  const int64_t count = int64_t(plan->filters.inner().get_size() / sizeof(float));
  const int64_t x_step = plan->images * z.c * z.h * z.w, y_step = plan->images * z.k * z.p * z.q;
  const Scratch slots(size_t(plan->slots * count) * sizeof(float));
  {
    const onednn::Team team(plan->threads);
    parallel_for(plan->slots, 1, [&](int64_t begin, int64_t end) {
      const Buffers buffers(*plan);
      const Scratch one_call(plan->calls > plan->slots ? size_t(count) * sizeof(float) : 0);
      for (int64_t slot = begin; slot < end; ++slot) {
        float* sums = slots.as<float>() + slot * count;
        const int64_t first = plan->calls * slot / plan->slots, last = plan->calls * (slot + 1) / plan->slots;
        run_weight_call(*plan, dy + first * y_step, x + first * x_step, buffers, sums);
        for (int64_t call = first + 1; call < last; ++call) {
          run_weight_call(*plan, dy + call * y_step, x + call * x_step, buffers, one_call.as<float>());
          add_to(sums, one_call.as<float>(), count);
        }
      }
    });
  }
  float* sums = slots.as<float>();
  parallel_for(count, kGrain / 4, [&](int64_t begin, int64_t end) {
    for (int64_t slot = 1; slot < plan->slots; ++slot) {
      add_to(sums + begin, sums + slot * count + begin, end - begin);
    }
  });
  const onednn::Team team(plan->all_threads);
  if (plan->filters.is_plain()) {
    std::copy_n(sums, count, dfilters);
  } else {
    plan->filters.store(sums, dfilters);
  }
}

}  // namespace

void CpuBackend::conv2d(const Tensor& x, const Tensor& w, const Tensor& bias, const Conv2dParams& params,
                        Tensor& y) {
  if (y.numel() == 0) return;
  if (x.numel() == 0 || w.numel() == 0) {
    if (!bias.defined()) return fill(y, 0);
    return copy(Tensor(bias.storage(), bias.offset(), y.shape(), {0, 1, 0, 0}, bias.dtype()), y);
  }
  if (is_narrow(y.dtype())) {
    Tensor wide = wide_like(y);
    conv2d(widened(x), widened(w), widened(bias), params, wide);
    return copy(wide, y);
  }
  const ConvSizes sizes(x.shape(), w.shape(), y.shape(), params);
  if (y.dtype() == DType::f64) {
    return conv2d_f64(sizes, x.data<double>(), w.data<double>(),
                      bias.defined() ? bias.data<double>() : nullptr, y.data<double>());
  }
  onednn::call("conv2d", [&] {
    run_forward(sizes, x.data<float>(), w.data<float>(), bias.defined() ? bias.data<float>() : nullptr,
                y.data<float>());
  });
}

void CpuBackend::conv2d_grad_input(const Tensor& dy, const Tensor& w, const Conv2dParams& params,
                                   Tensor& dx) {
  if (dx.numel() == 0) return;
  if (dy.numel() == 0 || w.numel() == 0) return fill(dx, 0);
  if (is_narrow(dx.dtype())) {
    Tensor wide = wide_like(dx);
    conv2d_grad_input(widened(dy), widened(w), params, wide);
    return copy(wide, dx);
  }
  const ConvSizes sizes(dx.shape(), w.shape(), dy.shape(), params);
  if (dx.dtype() == DType::f64) {
    return conv2d_grad_input_f64(sizes, dy.data<double>(), w.data<double>(), dx.data<double>());
  }
  onednn::call("conv2d_grad_input",
               [&] { run_grad_input(sizes, dy.data<float>(), w.data<float>(), dx.data<float>()); });
}

void CpuBackend::conv2d_grad_weight(const Tensor& dy, const Tensor& x, const Conv2dParams& params,
                                    Tensor& dw) {
  if (dw.numel() == 0) return;
  if (dy.numel() == 0 || x.numel() == 0) return fill(dw, 0);
  if (is_narrow(dw.dtype())) {
    Tensor wide = wide_like(dw);
    conv2d_grad_weight(widened(dy), widened(x), params, wide);
    return copy(wide, dw);
  }
  const ConvSizes sizes(x.shape(), dw.shape(), dy.shape(), params);
  if (dw.dtype() == DType::f64) {
    return conv2d_grad_weight_f64(sizes, dy.data<double>(), x.data<double>(), dw.data<double>());
  }
  onednn::call("conv2d_grad_weight",
               [&] { run_grad_weight(sizes, dy.data<float>(), x.data<float>(), dw.data<float>()); });
}

}  // namespace dlengine

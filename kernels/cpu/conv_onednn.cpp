// Convolution by oneDNN in f32. Images are channels-last, an order that its fast kernels take as it is; only
// filters are reordered.
//
// Each thread takes a few images that fit into its cache and runs a primitive prepared for one thread. Only
// where there are too few images do all threads share one call.
#include "dlengine/kernels/cpu/conv.h"

#include <algorithm>

#include "dlengine/core/image_layout.h"
#include "dlengine/kernels/cpu/backend_cpu.h"
#include "dlengine/kernels/cpu/launch.h"
#include "dlengine/kernels/cpu/map.h"
#include "dlengine/kernels/cpu/onednn.h"
#include "dlengine/kernels/cpu/prepared.h"
#include "dlengine/kernels/plan_cache.h"

namespace dlengine {

namespace {

using onednn::Desc;
using onednn::Operand;
using onednn::Sizes;

using Pass = ConvPass;

struct Key {
  Pass pass;
  ConvSizes sizes;
  bool bias, relu;
  int threads;
  friend bool operator==(const Key&, const Key&) = default;
  size_t hash() const {
    const Conv2dParams& p = sizes.params;
    return hash_of(int(pass), bias, relu, threads, sizes.n, sizes.c, sizes.h, sizes.w, sizes.k, sizes.r,
                   sizes.s, p.stride.h, p.stride.w, p.padding.h, p.padding.w, p.dilation.h, p.dilation.w,
                   p.groups);
  }
};

struct Plan {
  dnnl::primitive primitive;
  Desc x, y;  // the images of one call
  Operand filters;
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

int64_t image_bytes(const ConvSizes& z) { return 4 * (z.c * z.h * z.w + z.k * z.p * z.q); }

/// How many sums a weight gradient is first collected in; it depends on the shapes alone.
int64_t slots_of(const ConvSizes& z) {
  const int64_t sum_bytes = 4 * z.k * z.group_inputs() * z.r * z.s;
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
  Desc x, y;
  Sizes filters, bias, strides, dilations, padding;

  Problem(const ConvSizes& z, int64_t images)
      : x(onednn::channels_last({images, z.c, z.h, z.w})),
        y(onednn::channels_last({images, z.k, z.p, z.q})),
        filters{z.k, z.c, z.r, z.s},
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

Forward::primitive_desc forward_desc(const Problem& p, bool bias, bool relu) {
  const auto kind = dnnl::prop_kind::forward_training;
  const Desc filters = onednn::any(p.filters);
  const auto attributes = onednn::attributes(relu ? Activation::relu : Activation::none);
  if (!bias) {
    return onednn::describe<Forward>(attributes, kind, kDirect, p.x, filters, p.y, p.strides, p.dilations,
                                     p.padding, p.padding);
  }
  return onednn::describe<Forward>(attributes, kind, kDirect, p.x, filters, onednn::plain(p.bias), p.y,
                                   p.strides, p.dilations, p.padding, p.padding);
}

/// P is one of the two gradients, which take the same numbers.
template <typename P>
typename P::primitive_desc gradient_desc(const Problem& p, const Forward::primitive_desc& forward) {
  return onednn::describe_gradient<P>(forward, kDirect, p.x, onednn::any(p.filters), p.y, p.strides,
                                      p.dilations, p.padding, p.padding);
}

/// Makes plan.primitive and returns the order of filters that it chose.
Desc make_primitive(const Key& key, const Problem& p, Plan& plan) {
  const onednn::Team team(plan.threads);
  const Forward::primitive_desc forward = forward_desc(p, key.bias, key.relu);
  switch (key.pass) {
    case Pass::forward:
      plan.primitive = Forward(forward);
      plan.scratchpad = forward.scratchpad_desc();
      return forward.weights_desc();
    case Pass::grad_input: {
      const auto desc = gradient_desc<BackwardData>(p, forward);
      plan.primitive = BackwardData(desc);
      plan.scratchpad = desc.scratchpad_desc();
      return desc.weights_desc();
    }
    case Pass::grad_weight: {
      const auto desc = gradient_desc<BackwardWeights>(p, forward);
      plan.primitive = BackwardWeights(desc);
      plan.scratchpad = desc.scratchpad_desc();
      return desc.diff_weights_desc();
    }
  }
  return {};
}

std::shared_ptr<Plan> make_plan(const Key& key) {
  auto plan = std::make_shared<Plan>();
  split_batch(key, *plan);
  const Problem problem(key.sizes, plan->images);
  plan->x = problem.x;
  plan->y = problem.y;
  const Desc inner = make_primitive(key, problem, *plan);
  const onednn::Team team(plan->all_threads);
  plan->filters = Operand(onednn::plain(problem.filters), inner,
                          key.pass == Pass::grad_weight ? Operand::Way::out : Operand::Way::in);
  if (key.bias) plan->bias = onednn::plain(problem.bias);
  return plan;
}

std::shared_ptr<Plan> plan_for(Pass pass, const ConvSizes& sizes, bool bias = false, bool relu = false) {
  static PlanCache<Key, Plan> cache;
  const Key key{pass, sizes, bias, relu, onednn::team_size()};
  return cache.get(key, [&] { return make_plan(key); });
}

// --- Running ---

/// Filters in the primitive's order.
Prepared load_filters(const std::shared_ptr<Plan>& plan, const float* filters) {
  Prepared loaded(filters, plan->filters.buffer_bytes());
  if (plan->filters.is_plain()) return loaded;  // with no bytes
  loaded.fill([&] {
    launch([=, buffer = loaded.as<float>()] {
      const onednn::Team team(plan->all_threads);
      plan->filters.load(filters, buffer);
    });
  });
  return loaded;
}

/// Calls f(number of the call, scratchpad); the threads share out the calls.
template <typename F>
void for_each_call(const Plan& plan, const F& f) {
  const onednn::Team team(plan.threads);
  parallel_for(plan.calls, 1, [&](int64_t begin, int64_t end) {
    const Scratch scratchpad(plan.scratchpad.get_size());
    for (int64_t call = begin; call < end; ++call) f(call, scratchpad.as());
  });
}

/// sums[i] += more[i]
void add_to(float* __restrict sums, const float* __restrict more, int64_t count) {
  for (int64_t i = 0; i < count; ++i) sums[i] += more[i];
}

/// The gradient in the primitive's order, from the images of all calls: first in slots, which are then added
/// up. They hold plan.slots * count elements.
template <typename RunCall>
void sum_calls(const Plan& plan, int64_t count, float* slots, const RunCall& run_call) {
  {
    const onednn::Team team(plan.threads);
    parallel_for(plan.slots, 1, [&](int64_t begin, int64_t end) {
      const Scratch scratchpad(plan.scratchpad.get_size());
      const Scratch one_call(plan.calls > plan.slots ? size_t(count) * sizeof(float) : 0);
      for (int64_t slot = begin; slot < end; ++slot) {
        float* sums = slots + slot * count;
        const int64_t first = plan.calls * slot / plan.slots, last = plan.calls * (slot + 1) / plan.slots;
        run_call(first, scratchpad.as(), sums);
        for (int64_t call = first + 1; call < last; ++call) {
          run_call(call, scratchpad.as(), one_call.as<float>());
          add_to(sums, one_call.as<float>(), count);
        }
      }
    });
  }
  parallel_for(count, kGrain / 4, [&](int64_t begin, int64_t end) {
    for (int64_t slot = 1; slot < plan.slots; ++slot) {
      add_to(slots + begin, slots + slot * count + begin, end - begin);
    }
  });
}

}  // namespace

void launch_library_forward(const ConvSizes& z, const ConvForward& data) {
  const auto plan = plan_for(Pass::forward, z, data.bias != nullptr, data.relu);
  const Prepared filters = load_filters(plan, data.filters);
  const int64_t x_step = plan->images * z.c * z.h * z.w, y_step = plan->images * z.k * z.p * z.q;
  launch([=, taps = plan->filters.is_plain() ? data.filters : filters.as<const float>()] {
    for_each_call(*plan, [&](int64_t call, void* scratchpad) {
      onednn::execute(plan->primitive, {{DNNL_ARG_SRC, plan->x, data.x + call * x_step},
                                        {DNNL_ARG_WEIGHTS, plan->filters.inner(), taps},
                                        {DNNL_ARG_BIAS, plan->bias, data.bias},
                                        {DNNL_ARG_DST, plan->y, data.y + call * y_step},
                                        {DNNL_ARG_SCRATCHPAD, plan->scratchpad, scratchpad}});
    });
  });
}

void launch_library_grad_input(const ConvSizes& z, const ConvGradInput& data) {
  const auto plan = plan_for(Pass::grad_input, z);
  const Prepared filters = load_filters(plan, data.filters);
  const int64_t x_step = plan->images * z.c * z.h * z.w, y_step = plan->images * z.k * z.p * z.q;
  launch([=, taps = plan->filters.is_plain() ? data.filters : filters.as<const float>()] {
    for_each_call(*plan, [&](int64_t call, void* scratchpad) {
      onednn::execute(plan->primitive, {{DNNL_ARG_DIFF_DST, plan->y, data.dy + call * y_step},
                                        {DNNL_ARG_WEIGHTS, plan->filters.inner(), taps},
                                        {DNNL_ARG_DIFF_SRC, plan->x, data.dx + call * x_step},
                                        {DNNL_ARG_SCRATCHPAD, plan->scratchpad, scratchpad}});
    });
  });
}

void launch_library_grad_weight(const ConvSizes& z, const ConvGradWeight& data) {
  const auto plan = plan_for(Pass::grad_weight, z);
  const int64_t count = int64_t(plan->filters.inner().get_size() / sizeof(float));
  const int64_t x_step = plan->images * z.c * z.h * z.w, y_step = plan->images * z.k * z.p * z.q;
  const Scratch memory(size_t(plan->slots * count) * sizeof(float));
  launch([=, slots = memory.as<float>()] {
    sum_calls(*plan, count, slots, [&](int64_t call, void* scratchpad, float* sums) {
      onednn::execute(plan->primitive, {{DNNL_ARG_SRC, plan->x, data.x + call * x_step},
                                        {DNNL_ARG_DIFF_DST, plan->y, data.dy + call * y_step},
                                        {DNNL_ARG_DIFF_WEIGHTS, plan->filters.inner(), sums},
                                        {DNNL_ARG_SCRATCHPAD, plan->scratchpad, scratchpad}});
    });
    const onednn::Team team(plan->all_threads);
    if (plan->filters.is_plain()) {
      std::copy_n(slots, count, data.dfilters);
    } else {
      plan->filters.store(slots, data.dfilters);
    }
  });
}

}  // namespace dlengine

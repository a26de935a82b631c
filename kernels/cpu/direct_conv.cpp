// The direct convolution: which planes, taps and weights each pass needs, and which thread computes what.
//
// A filter has few elements, so it is repacked in every call. An image, or a band of its rows, is copied into
// planes with zeros around it, which stay in a core's cache; the loops then know no borders. The gradient of
// the input is a convolution of dy: outputs whose row and column have the same remainders modulo the stride
// have the same taps, and are a part of their own.
#include "dlengine/kernels/cpu/direct_conv.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "dlengine/kernels/cpu/direct_conv_geometry.h"
#include "dlengine/kernels/cpu/tasks.h"

namespace dlengine::direct {

namespace {

constexpr int64_t kBandFloats = 32 << 10;  // that a thread works on at a time: planes and what goes with them
constexpr int64_t kMostSlots = 16;         // sums that a filter gradient is collected in
constexpr int64_t kSlotFloats = 1 << 20;   // of all slots
constexpr int64_t kThreadWork = 1 << 18;   // multiplications that are worth another thread

const Kernels& kernels_for(Isa isa) { return isa == Isa::avx512 ? avx512_kernels() : avx2_kernels(); }

constexpr int64_t round_up(int64_t a, int64_t b) { return ceil_div(a, b) * b; }

/// Hands out parts of the workspace, or only counts where there is none.
class Arena {
 public:
  explicit Arena(void* memory) : memory_(static_cast<float*>(memory)) {}
  float* take(int64_t floats) {
    float* taken = memory_ ? memory_ + used_ : nullptr;
    used_ += round_up(floats, 16);
    return taken;
  }
  size_t bytes() const { return size_t(used_) * sizeof(float); }

 private:
  float* memory_;
  int64_t used_ = 0;
};

// --- Threads and caches ---

/// Rows of outputs whose planes, and what else there is of an output row, take about so many floats.
int64_t band_rows(const Axis& rows, int64_t planes_width, int64_t more_width, int64_t floats) {
  return std::clamp<int64_t>((floats - rows.reach * planes_width) / (planes_width + more_width), 1,
                             rows.outputs);
}

int worker_count(const ConvSizes& z, int64_t tasks, int threads) {
  const int64_t work = z.n * z.p * z.q * z.k * z.c * z.r * z.s;
  return int(std::clamp<int64_t>(work / kThreadWork, 1, std::min<int64_t>(threads, tasks)));
}

Image image_at(const float* data, const float* gate, int64_t at) {
  return {data + at, gate ? gate + at : nullptr};
}

// --- Outputs ---

/// The gradient of the input either sums up, for each of its pixels, the products of all taps, zeros of dy's
/// border among them; or a convolution of size 1 computes the products of all pixels of dy, and each pixel of
/// dx collects its own. True where the latter takes fewer vectors and the sums of an image stay in the cache.
bool collecting_pays(const ConvSizes& z, const Kernels& kernels) {
  const Conv2dParams& params = z.params;
  const int64_t taps = z.r * z.s, products = taps * z.c, pixels = z.h * z.w;
  if (params.stride != Size2(1) || params.dilation != Size2(1) || z.c > kernels.lanes) return false;
  const int64_t summing = z.h * (z.w + z.s - 1) * z.k * products;
  const int64_t collecting =
      z.p * z.q * z.k * round_up(products, kernels.lanes) + 2 * pixels * taps * kernels.lanes;
  return collecting < summing && pixels * kernels.lanes <= kBandFloats;
}

/// The convolution of size 1 whose results are the products of all taps, [p, q, (r, s, c)].
ConvSizes products_of(const ConvSizes& z, int64_t lanes) {
  const int64_t products = round_up(z.r * z.s * z.c, lanes);
  return {{z.n, products, z.p, z.q}, {z.k, products, 1, 1}, {z.n, z.k, z.p, z.q}, {}};
}

/// A forward pass or a gradient of the input.
class ConvolutionPlan {
 public:
  ConvolutionPlan(ConvPass pass, const ConvSizes& sizes, const Run& run);
  size_t bytes() const { return arena_.bytes(); }
  void run(const float* filters, const float* bias, bool relu, const Image& x, float* y);

 private:
  void add_parts(const Axes& axes);
  void add_channels(const ConvSizes& sizes);
  void pack(const float* filters);

  bool forward_, collects_;
  ConvSizes z_;
  const Kernels& kernels_;
  Arena arena_;
  Convolution conv_{};
  Collection collection_{};
  std::vector<Part> parts_;
  std::vector<int64_t> offsets_;         // of all parts
  std::vector<int64_t> filter_offsets_;  // likewise; and of all output channels:
  std::vector<int64_t> channel_offsets_;
  int64_t bands_ = 0, out_rows_ = 0, workers_ = 0, scratch_floats_ = 0;
  int64_t lanes_ = 0;  // channels that are adjacent in the weights
  float *weights_ = nullptr, *bias_ = nullptr, *scratch_ = nullptr;
};

ConvolutionPlan::ConvolutionPlan(ConvPass pass, const ConvSizes& sizes, const Run& run)
    : forward_(pass == ConvPass::forward),
      collects_(!forward_ && collecting_pays(sizes, kernels_for(run.isa))),
      z_(collects_ ? products_of(sizes, kernels_for(run.isa).lanes) : sizes),
      kernels_(kernels_for(run.isa)),
      arena_(run.workspace) {
  const Axes axes = forward_ ? forward_axes(z_) : gradient_axes(z_);
  const auto& [rows, cols] = axes;
  const int64_t inputs = forward_ ? z_.c : z_.k;
  conv_.channels = forward_ ? z_.k : z_.c;
  conv_.few = conv_.channels <= kernels_.most_few;
  conv_.w = forward_ ? z_.q : z_.w;
  conv_.step_h = int64_t(rows.parts.size());
  conv_.step_w = int64_t(cols.parts.size());
  lanes_ = conv_.few ? conv_.channels : kernels_.lanes;

  const int64_t pitch = cols.outputs + cols.reach, planes_width = inputs * rows.phases * cols.phases * pitch;
  const int64_t cached = band_rows(rows, planes_width, conv_.few ? conv_.channels * pitch : 0, kBandFloats);
  conv_.band = std::min(cached, ceil_div(rows.outputs, ceil_div(run.threads, z_.n)));
  if (collects_) conv_.band = 1;
  bands_ = collects_ ? 1 : ceil_div(rows.outputs, conv_.band);
  conv_.in = make_planes(axes, inputs, conv_.band, kernels_.lanes);
  conv_.sums_at = round_up(conv_.in.floats + kernels_.overrun, 16);
  conv_.sum_step = round_up(conv_.band * conv_.in.pitch + kernels_.overrun, 16);
  out_rows_ = forward_ ? z_.p : z_.h;
  add_channels(sizes);
  add_parts(axes);

  workers_ = worker_count(z_, z_.n * bands_, run.threads);
  scratch_floats_ = conv_.sums_at + (conv_.few ? conv_.channels * conv_.sum_step : 0);
  if (collects_) {
    const Size2 padding = sizes.params.padding;
    const int64_t sums_at =
        scratch_floats_ + round_up((z_.q + 2 * sizes.s - 2) * conv_.channels + kernels_.overrun, 16);
    collection_ = {sizes.c, sizes.h,   sizes.w,   sizes.p,        sizes.q,         sizes.r,
                   sizes.s, padding.h, padding.w, conv_.channels, scratch_floats_, sums_at};
    scratch_floats_ = sums_at + sizes.h * sizes.w * kernels_.lanes;
  }
  weights_ = arena_.take(int64_t(offsets_.size()) * round_up(conv_.channels, lanes_));
  bias_ = arena_.take(round_up(conv_.channels, lanes_));
  scratch_ = arena_.take(workers_ * scratch_floats_);
}

void ConvolutionPlan::add_parts(const Axes& axes) {
  const int64_t input_step = (forward_ ? 1 : int64_t(channel_offsets_.size())) * z_.r * z_.s;
  for (int64_t a = 0; a < conv_.step_h; ++a) {
    for (int64_t b = 0; b < conv_.step_w; ++b) {
      const auto before = offsets_.size();
      for (int64_t c = 0; c < conv_.in.channels; ++c) {
        for (const AxisTap& row : axes.rows.parts[size_t(a)]) {
          for (const AxisTap& col : axes.cols.parts[size_t(b)]) {
            offsets_.push_back(tap_offset(conv_.in, c, row, col));
            filter_offsets_.push_back(c * input_step + row.index * z_.s + col.index);
          }
        }
      }
      parts_.push_back({.offsets = nullptr,
                        .taps = int64_t(offsets_.size() - before),
                        .weights = nullptr,
                        .row = a,
                        .col = b,
                        .rows = ceil_div(out_rows_ - a, conv_.step_h),
                        .cols = ceil_div(conv_.w - b, conv_.step_w)});
    }
  }
}

void ConvolutionPlan::add_channels(const ConvSizes& sizes) {
  const int64_t taps = sizes.r * sizes.s;
  const int64_t channels = collects_ ? taps * sizes.c : conv_.channels;
  for (int64_t i = 0; i < channels; ++i) {
    channel_offsets_.push_back(collects_ ? i % sizes.c * taps + i / sizes.c
                                         : i * (forward_ ? sizes.c : 1) * taps);
  }
}

/// The filters as the loops read them.
void ConvolutionPlan::pack(const float* filters) {
  const int64_t padded = round_up(conv_.channels, lanes_);
  size_t first = 0;
  for (Part& part : parts_) {
    float* weights = weights_ + int64_t(first) * padded;
    part.offsets = offsets_.data() + first;
    part.weights = weights;
    for (int64_t block = 0; block < padded; block += lanes_) {
      for (int64_t tap = 0; tap < part.taps; ++tap) {
        const float* from = filters + filter_offsets_[first + size_t(tap)];
        for (int64_t k = block; k < block + lanes_; ++k) {
          *weights++ = k < int64_t(channel_offsets_.size()) ? from[channel_offsets_[size_t(k)]] : 0;
        }
      }
    }
    first += size_t(part.taps);
  }
  conv_.parts = parts_.data();
  conv_.part_count = int64_t(parts_.size());
}

/// bias and x.gate may be null.
void ConvolutionPlan::run(const float* filters, const float* bias, bool relu, const Image& x, float* y) {
  pack(filters);
  std::fill_n(bias_, round_up(conv_.channels, lanes_), 0.0f);
  if (bias) std::copy_n(bias, conv_.channels, bias_);
  conv_.bias = bias_;
  conv_.relu = relu;
  const int64_t x_step = conv_.in.h * conv_.in.w * conv_.in.channels;
  const int64_t y_step =
      collects_ ? collection_.h * collection_.w * collection_.channels : out_rows_ * conv_.w * conv_.channels;
  share_out(z_.n * bands_, workers_, [&](int64_t worker, int64_t first, int64_t last) {
    float* scratch = scratch_ + worker * scratch_floats_;
    std::fill_n(scratch, conv_.sums_at, 0.0f);
    for (int64_t task = first; task < last; ++task) {
      const int64_t image = task / bands_, first_row = task % bands_ * conv_.band;
      const Image pixels = image_at(x.data, x.gate, image * x_step);
      if (collects_) {
        kernels_.collect(conv_, collection_, pixels, scratch, y + image * y_step);
      } else {
        kernels_.convolve(conv_, pixels, first_row, scratch, y + image * y_step);
      }
    }
  });
}

// --- Filter gradients ---

/// One gradient of filters and bias. The images are added up in slots, whose number depends on the shapes
/// alone, and the slots in their order.
class GradientPlan {
 public:
  GradientPlan(const ConvSizes& sizes, const Run& run);
  size_t bytes() const { return arena_.bytes(); }
  void run(const ConvGradWeight& operands);

 private:
  void add_taps(const Axes& axes);
  void add_up(const ConvGradWeight& operands);

  ConvSizes z_;
  const Kernels& kernels_;
  Arena arena_;
  FilterGradient grad_{};
  std::vector<int64_t> offsets_;
  int64_t filter_taps_ = 0;  // the bias's tap follows, which reads ones
  int64_t ones_at_ = 0;
  int64_t bands_ = 0, slots_ = 0, workers_ = 0, slot_floats_ = 0, scratch_floats_ = 0;
  float *sums_ = nullptr, *scratch_ = nullptr;
};

GradientPlan::GradientPlan(const ConvSizes& sizes, const Run& run)
    : z_(sizes), kernels_(kernels_for(run.isa)), arena_(run.workspace) {
  const Axes axes = forward_axes(z_);
  const auto& [rows, cols] = axes;
  const int64_t pitch = cols.outputs + cols.reach, lanes = kernels_.lanes;
  grad_.few = z_.k <= kernels_.most_few;
  grad_.k = z_.k;
  grad_.p = z_.p;
  grad_.q = z_.q;
  const int64_t dy_width = grad_.few ? pitch * z_.k : z_.q * round_up(z_.k, lanes);
  grad_.band = band_rows(rows, z_.c * rows.phases * cols.phases * pitch, dy_width, kBandFloats);
  bands_ = ceil_div(z_.p, grad_.band);
  grad_.x = make_planes(axes, z_.c, grad_.band, lanes);
  grad_.dy = make_planes({{.in = z_.p}, {.in = z_.q, .outputs = pitch}}, z_.k, grad_.band, lanes);
  ones_at_ = grad_.x.floats;
  add_taps(axes);
  grad_.dy_at = round_up(ones_at_ + grad_.band * pitch + kernels_.overrun, 16);
  const int64_t dy_floats = grad_.few ? grad_.dy.floats : grad_.band * dy_width;
  scratch_floats_ = round_up(grad_.dy_at + dy_floats + kernels_.overrun, 16);

  slot_floats_ = grad_.taps * (grad_.few ? z_.k * lanes : round_up(z_.k, lanes));
  slots_ = std::clamp<int64_t>(kSlotFloats / slot_floats_, 1, std::min(z_.n * bands_, kMostSlots));
  workers_ = worker_count(z_, slots_, run.threads);
  sums_ = arena_.take(slots_ * slot_floats_);
  scratch_ = arena_.take(workers_ * scratch_floats_);
}

void GradientPlan::add_taps(const Axes& axes) {
  for (int64_t c = 0; c < z_.c; ++c) {
    for (const AxisTap& row : axes.rows.parts[0]) {
      for (const AxisTap& col : axes.cols.parts[0]) offsets_.push_back(tap_offset(grad_.x, c, row, col));
    }
  }
  filter_taps_ = int64_t(offsets_.size());
  offsets_.push_back(ones_at_);
  if (grad_.few) offsets_.resize(size_t(round_up(int64_t(offsets_.size()), kernels_.few_taps[z_.k])));
  grad_.offsets = offsets_.data();
  grad_.taps = int64_t(offsets_.size());
}

void GradientPlan::run(const ConvGradWeight& operands) {
  const int64_t x_step = z_.h * z_.w * z_.c, y_step = z_.p * z_.q * z_.k, tasks = z_.n * bands_;
  share_out(slots_, workers_, [&](int64_t worker, int64_t first, int64_t last) {
    float* scratch = scratch_ + worker * scratch_floats_;
    std::fill_n(scratch, scratch_floats_, 0.0f);
    std::fill_n(scratch + ones_at_, grad_.band * grad_.x.pitch, 1.0f);
    for (int64_t slot = first; slot < last; ++slot) {
      float* sums = sums_ + slot * slot_floats_;
      std::fill_n(sums, slot_floats_, 0.0f);
      for (int64_t task = tasks * slot / slots_; task < tasks * (slot + 1) / slots_; ++task) {
        const int64_t image = task / bands_;
        const GradientBand band{image_at(operands.x, nullptr, image * x_step),
                                image_at(operands.dy, operands.y, image * y_step),
                                task % bands_ * grad_.band};
        kernels_.accumulate(grad_, band, scratch, sums);
      }
    }
  });
  add_up(operands);
}

void GradientPlan::add_up(const ConvGradWeight& operands) {
  for (int64_t slot = 1; slot < slots_; ++slot) {
    const float* __restrict more = sums_ + slot * slot_floats_;
    float* __restrict sums = sums_;
    for (int64_t i = 0; i < slot_floats_; ++i) sums[i] += more[i];
  }
  const int64_t lanes = kernels_.lanes;
  const auto value = [&](int64_t k, int64_t tap) {
    if (!grad_.few) return sums_[(k / lanes * grad_.taps + tap) * lanes + k % lanes];
    const float* sums = sums_ + (tap * z_.k + k) * lanes;
    float total = 0;
    for (int64_t i = 0; i < lanes; ++i) total += sums[i];
    return total;
  };
  for (int64_t k = 0; k < z_.k; ++k) {
    for (int64_t tap = 0; tap < filter_taps_; ++tap)
      operands.dfilters[k * filter_taps_ + tap] = value(k, tap);
    if (operands.dbias) operands.dbias[k] = value(k, filter_taps_);
  }
}

}  // namespace

Isa best_isa() {
  static const Isa isa = __builtin_cpu_supports("avx512f")                                 ? Isa::avx512
                         : __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? Isa::avx2
                                                                                           : Isa::none;
  return isa;
}

bool fits(const ConvSizes& z) {
  // With one tap and many inputs it is a matrix product, of which the planes would be transposed in vain.
  const bool few = z.c < 16 || (z.k < 16 && z.r * z.s > 1);
  return z.params.groups == 1 && few && best_isa() != Isa::none;
}

size_t workspace_bytes(ConvPass pass, const ConvSizes& sizes, const Run& run) {
  const Run counting{.workspace = nullptr, .threads = run.threads, .isa = run.isa};
  return pass == ConvPass::grad_weight ? GradientPlan(sizes, counting).bytes()
                                       : ConvolutionPlan(pass, sizes, counting).bytes();
}

void forward(const ConvSizes& sizes, const ConvForward& o, const Run& run) {
  ConvolutionPlan(ConvPass::forward, sizes, run).run(o.filters, o.bias, o.relu, {o.x, nullptr}, o.y);
}

void grad_input(const ConvSizes& sizes, const ConvGradInput& o, const Run& run) {
  ConvolutionPlan(ConvPass::grad_input, sizes, run).run(o.filters, nullptr, false, {o.dy, o.y}, o.dx);
}

void grad_weight(const ConvSizes& sizes, const ConvGradWeight& o, const Run& run) {
  GradientPlan(sizes, run).run(o);
}

}  // namespace dlengine::direct

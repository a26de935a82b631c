// What a convolution's backward pass sums: its bias, and filters of few pixels, whose products are too few
// for a library. Chunks of pixels are summed by a block each, and the last block adds their sums in order.
// The mask of an activation is applied to dy as it is read.
#include "dlengine/kernels/cuda/conv_grad.h"

#include <algorithm>
#include <limits>

#include "dlengine/kernels/cuda/context.h"
#include "dlengine/kernels/cuda/reduce.cuh"
#include "dlengine/kernels/cuda/vec.cuh"
#include "dlengine/kernels/cuda/walk.cuh"
#include "dlengine/kernels/functors.h"

namespace dlengine::cuda {

namespace {

constexpr int64_t kMostBlocks = 1024;     // no more chunks where there are so many blocks
constexpr int64_t kPixelsPerThread = 16;  // no more chunks where a thread would have fewer

// Pixels of a chunk, of `pixels` that `blocks` blocks share; a multiple of `step`.
int64_t chunk_of(int64_t pixels, int64_t blocks, int64_t step) {
  const int64_t wanted = std::min(kMostBlocks / blocks, pixels / (kThreads * kPixelsPerThread));
  const int64_t chunks = std::max<int64_t>(1, wanted);
  return (pixels + chunks * step - 1) / (chunks * step) * step;
}

// The sum of one output over the chunks, of which each has its sums of all outputs.
template <typename A>
__device__ A sum_chunks(const A* parts, int64_t output, int64_t outputs, int64_t chunks) {
  A total(0);
#pragma unroll 8
  for (int64_t chunk = 0; chunk < chunks; ++chunk) total += parts[chunk * outputs + output];
  return total;
}

// --- Bias ---

// dy [n, channels, pixels]; count = n * pixels.
struct Channels {
  int64_t channels, pixels, count, chunk;
};

template <typename T, int kWidth>
__device__ Vec<T, kWidth> load_some(const T* x, bool aligned) {
  if (aligned) return load_vec<T, kWidth>(x);
  Vec<T, kWidth> values;
#pragma unroll
  for (int lane = 0; lane < kWidth; ++lane) values.lane[lane] = x[lane];
  return values;
}

template <typename T, int kWidth>
__device__ void store_some(T* y, const Vec<T, kWidth>& values, bool aligned) {
  if (aligned) return store_vec(y, values);
#pragma unroll
  for (int lane = 0; lane < kWidth; ++lane) y[lane] = values.lane[lane];
}

// A block for each channel and chunk; kWidth divides the pixels. aligned: all addresses are multiples of 16.
template <typename T, int kWidth, bool kMask>
__global__ void bias_grad_kernel(Channels s, bool aligned, const T* dy, const T* y, T* dz,
                                 Accumulate<T>* parts, uint32_t* arrivals, T* db) {
  using A = Accumulate<T>;
  const int64_t channel = blockIdx.x % s.channels, begin = blockIdx.x / s.channels * s.chunk;
  const int64_t end = min(begin + s.chunk, s.count);
  A sum(0);
  for (int64_t i = begin + threadIdx.x * kWidth; i < end; i += kThreads * kWidth) {
    const Split at = split(i, s.pixels);
    const int64_t place = (at.quotient * s.channels + channel) * s.pixels + at.rest;
    Vec<T, kWidth> values = load_some<T, kWidth>(dy + place, aligned);
    if constexpr (kMask) {
      const Vec<T, kWidth> results = load_some<T, kWidth>(y + place, aligned);
#pragma unroll
      for (int lane = 0; lane < kWidth; ++lane) {
        values.lane[lane] = narrow<T>(widen(values.lane[lane]) * Relu::slope(widen(results.lane[lane])));
      }
      store_some(dz + place, values, aligned);
    }
#pragma unroll
    for (int lane = 0; lane < kWidth; ++lane) sum += widen(values.lane[lane]);
  }
  sum = row_reduce<Add, kThreads>(sum);
  if (threadIdx.x == 0) parts[blockIdx.x] = sum;
  if (!is_last_block(arrivals)) return;
  for (int64_t c = threadIdx.x; c < s.channels; c += kThreads) {
    db[c] = narrow<T>(sum_chunks(parts, c, s.channels, gridDim.x / s.channels));
  }
}

template <typename T, int kWidth>
void launch_bias_grad(Channels s, const Tensor& dy, const Tensor& y, Tensor& dz, Tensor& db) {
  using A = Accumulate<T>;
  s.chunk = chunk_of(s.count, s.channels, kWidth);
  const int64_t blocks = s.channels * blocks_for(s.count, s.chunk);
  const Scratch parts(size_t(blocks) * sizeof(A), dy.device());
  const auto bias_grad = y.defined() ? bias_grad_kernel<T, kWidth, true> : bias_grad_kernel<T, kWidth, false>;
  const T* results = y.defined() ? y.data<T>() : nullptr;
  T* masked = y.defined() ? dz.data<T>() : nullptr;
  DLENGINE_LAUNCH(bias_grad, unsigned(blocks), kThreads, 0, enter(dy.device()), s,
                  aligned16(dy.raw(), results, masked), dy.data<T>(), results, masked,
                  static_cast<A*>(parts.data()), arrivals_of(dy.device()), db.data<T>());
}

// --- Filters ---

constexpr int kSomeTaps = 9, kMostTaps = 32;

// Sizes of x [images, c, h, w], filters [k, inputs, r, s] and dy [images, k, p, q]; a group has so many
// inputs and outputs.
struct Filters {
  int images, c, h, w, k, p, q, inputs, outputs, r, s;
  int stride_h, stride_w, padding_h, padding_w, dilation_h, dilation_w;
  int chunk;
  __host__ __device__ int taps() const { return inputs * r * s; }
  __host__ __device__ int pixels() const { return images * p * q; }
};

// Where the pixel of x that a tap multiplies is, from the first tap's.
struct Tap {
  int row, column, offset;
};

__device__ Tap tap_of(const Filters& z, int tap) {
  const int row = tap / z.s % z.r * z.dilation_h, column = tap % z.s * z.dilation_w;
  return {row, column, (tap / (z.s * z.r) * z.h + row) * z.w + column};
}

// Where a thread keeps all taps in registers from pixel to pixel, there is no room for as many sums.
__device__ Tap read_anew(const volatile Tap& tap) { return {tap.row, tap.column, tap.offset}; }

// sums[channel][tap] += dz[channel] * x[tap], for the pixel of x at (row, column) under the first tap.
template <typename T, int kTaps, int kChannels>
__device__ void add_products(const Filters& z, const Tap* taps, const T* x, int row, int column,
                             const Accumulate<T> (&dz)[kChannels],
                             Accumulate<T> (&sums)[kChannels][kTaps + 1]) {
  constexpr bool kKept = kTaps <= kSomeTaps;
#pragma unroll
  for (int t = 0; t < kTaps; ++t) {
    if (t >= z.taps()) break;
    const Tap tap = kKept ? taps[t] : read_anew(taps[t]);
    if (unsigned(row + tap.row) >= unsigned(z.h) || unsigned(column + tap.column) >= unsigned(z.w)) continue;
    const Accumulate<T> value = widen(x[row * z.w + column + tap.offset]);
#pragma unroll
    for (int c = 0; c < kChannels; ++c) sums[c][t] += dz[c] * value;
  }
}

// The block's sums, of which each thread has its share, for `channels` channels; at kTaps that of the bias.
template <typename A, int kTaps, int kChannels>
__device__ void store_sums(const A (&sums)[kChannels][kTaps + 1], int channels, int taps, A* parts) {
  constexpr int kWarps = kThreads / kWarp;
  DLENGINE_SHARED(A, shares, [kWarps][kChannels][kTaps + 1]);
#pragma unroll
  for (int c = 0; c < kChannels; ++c) {
#pragma unroll
    for (int t = 0; t <= kTaps; ++t) {
      const A sum = row_reduce<Add, kWarp>(sums[c][t]);
      if (threadIdx.x % kWarp == 0) shares[threadIdx.x / kWarp][c][t] = sum;
    }
  }
  __syncthreads();
  for (int i = threadIdx.x; i < channels * (taps + 1); i += kThreads) {
    const int c = i / (taps + 1), tap = i % (taps + 1), t = tap < taps ? tap : kTaps;
    A sum(0);
#pragma unroll
    for (int warp = 0; warp < kWarps; ++warp) sum += shares[warp][c][t];
    parts[i] = sum;
  }
}

// A block for up to kChannels output channels of one group and a chunk of the images' pixels. y and db may be
// null.
template <typename T, int kTaps, int kChannels>
__global__ void __launch_bounds__(kThreads, 2)
    filter_grad_kernel(Filters z, const T* dy, const T* y, const T* x, Accumulate<T>* parts,
                       uint32_t* arrivals, T* dw, T* db) {
  using A = Accumulate<T>;
  DLENGINE_SHARED(Tap, taps, [kTaps]);
  if (int(threadIdx.x) < z.taps()) taps[threadIdx.x] = tap_of(z, int(threadIdx.x));
  __syncthreads();
  const int blocks_of_group = (z.outputs + kChannels - 1) / kChannels,
            blocks = z.k / z.outputs * blocks_of_group;
  const int block = int(blockIdx.x) % blocks, chunk = int(blockIdx.x) / blocks;
  const int group = block / blocks_of_group, place = block % blocks_of_group * kChannels;
  const int channel = group * z.outputs + place, channels = min(kChannels, z.outputs - place);
  A sums[kChannels][kTaps + 1] = {};
  const int end = min((chunk + 1) * z.chunk, z.pixels());
  for (int i = chunk * z.chunk + int(threadIdx.x); i < end; i += kThreads) {
    const int pixel = i % (z.p * z.q), image = i / (z.p * z.q);
    A dz[kChannels];
#pragma unroll
    for (int c = 0; c < kChannels; ++c) {
      dz[c] = A(0);
      if (c >= channels) continue;
      const int at = (image * z.k + channel + c) * z.p * z.q + pixel;
      dz[c] = widen(dy[at]);
      if (y) dz[c] *= Relu::slope(widen(y[at]));
      sums[c][kTaps] += dz[c];
    }
    const int row = pixel / z.q * z.stride_h - z.padding_h, column = pixel % z.q * z.stride_w - z.padding_w;
    add_products<T, kTaps, kChannels>(z, taps, x + (image * z.c + group * z.inputs) * z.h * z.w, row, column,
                                      dz, sums);
  }
  const int outputs_of_channel = z.taps() + 1, outputs = z.k * outputs_of_channel;
  A* const own = parts + int64_t{chunk} * outputs + channel * outputs_of_channel;
  store_sums<A, kTaps, kChannels>(sums, channels, z.taps(), own);
  if (!is_last_block(arrivals)) return;
  for (int i = int(threadIdx.x); i < outputs; i += kThreads) {
    const T total = narrow<T>(sum_chunks(parts, i, outputs, gridDim.x / blocks));
    const int k = i / outputs_of_channel, tap = i % outputs_of_channel;
    if (tap < z.taps()) {
      dw[k * z.taps() + tap] = total;
    } else if (db) {
      db[k] = total;
    }
  }
}

template <typename T, int kTaps, int kChannels>
void launch_filter_grad(Filters z, const Tensor& dy, const Tensor& y, const Tensor& x,
                        FilterGradients result) {
  using A = Accumulate<T>;
  const int64_t blocks = z.k / z.outputs * blocks_for(z.outputs, kChannels);
  z.chunk = int(chunk_of(z.pixels(), blocks, 1));
  const int64_t chunks = blocks_for(z.pixels(), z.chunk);
  const Scratch parts(size_t(chunks * z.k * (z.taps() + 1)) * sizeof(A), dy.device());
  DLENGINE_LAUNCH((filter_grad_kernel<T, kTaps, kChannels>), unsigned(blocks * chunks), kThreads, 0,
                  enter(dy.device()), z, dy.data<T>(), y.defined() ? y.data<T>() : nullptr, x.data<T>(),
                  static_cast<A*>(parts.data()), arrivals_of(dy.device()), result.dw.data<T>(),
                  result.db.defined() ? result.db.data<T>() : nullptr);
}

// A group of one output, as a depthwise convolution has, leaves nothing to do for more channels.
template <typename T, int kTaps, int kChannels>
void launch_by_outputs(const Filters& z, const Tensor& dy, const Tensor& y, const Tensor& x,
                       FilterGradients result) {
  z.outputs == 1 ? launch_filter_grad<T, kTaps, 1>(z, dy, y, x, result)
                 : launch_filter_grad<T, kTaps, kChannels>(z, dy, y, x, result);
}

}  // namespace

void bias_grad(const Tensor& dy, const Tensor& y, Tensor& dz, Tensor& db) {
  const Shape& shape = dy.shape();
  const int64_t pixels = shape[2] * shape[3];
  const Channels s{shape[1], pixels, shape[0] * pixels, 0};
  visit_floating(dy.dtype(), "conv2d_grad", [&]<typename T>(Type<T>) {
    constexpr int kWidth = int(16 / sizeof(T));
    pixels % kWidth == 0 ? launch_bias_grad<T, kWidth>(s, dy, y, dz, db)
                         : launch_bias_grad<T, 1>(s, dy, y, dz, db);
  });
}

bool has_filter_grad(const Tensor& x, const Tensor& w, const Tensor& dy) {
  constexpr int64_t kMostInputs = 4, kMost = std::numeric_limits<int>::max();
  const int64_t inputs = w.shape()[1], taps = inputs * w.shape()[2] * w.shape()[3];
  return inputs <= kMostInputs && taps <= kMostTaps && x.numel() <= kMost && dy.numel() <= kMost;
}

void filter_grad(const Tensor& dy, const Tensor& y, const Tensor& x, const Conv2dParams& params,
                 FilterGradients result) {
  const Shape &in = x.shape(), &out = dy.shape(), &filters = result.dw.shape();
  const Filters z{int(in[0]),
                  int(in[1]),
                  int(in[2]),
                  int(in[3]),
                  int(out[1]),
                  int(out[2]),
                  int(out[3]),
                  int(filters[1]),
                  int(out[1] / params.groups),
                  int(filters[2]),
                  int(filters[3]),
                  int(params.stride.h),
                  int(params.stride.w),
                  int(params.padding.h),
                  int(params.padding.w),
                  int(params.dilation.h),
                  int(params.dilation.w),
                  0};
  visit_floating(dy.dtype(), "conv2d_grad", [&]<typename T>(Type<T>) {
    constexpr int kChannels = sizeof(T) == 8 ? 1 : 2;  // whose sums fit into the registers
    z.taps() <= kSomeTaps ? launch_by_outputs<T, kSomeTaps, 2 * kChannels>(z, dy, y, x, result)
                          : launch_by_outputs<T, kMostTaps, kChannels>(z, dy, y, x, result);
  });
}

}  // namespace dlengine::cuda

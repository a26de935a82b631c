// Random numbers and dropout. Element i draws word i % 4 of block i / 4 of its key, whatever the launch
// shape.
#include "dlengine/kernels/cuda/backend_cuda.h"
#include "dlengine/kernels/cuda/context.h"
#include "dlengine/kernels/cuda/launch.h"
#include "dlengine/kernels/cuda/vec.cuh"
#include "dlengine/kernels/cuda/walk.cuh"
#include "dlengine/kernels/functors.h"

namespace dlengine::cuda {

namespace {

// Neighbours per thread: 16 bytes, but at least the four words of one block.
template <typename T>
inline constexpr int kRandomWidth = sizeof(T) < 4 ? int(16 / sizeof(T)) : 4;

// Uniform in [low, high).
template <typename T>
struct Uniform {
  Accumulate<T> low, high;
  __device__ void operator()(const PhiloxBlock& bits, T* out) const {
#pragma unroll
    for (int i = 0; i < 4; ++i) out[i] = uniform_value<T>(bits.word[i], low, high);
  }
};

// mean + deviation * z
template <typename T>
struct Normal {
  using A = Accumulate<T>;
  A mean, deviation;
  __device__ void operator()(const PhiloxBlock& bits, T* out) const {
#pragma unroll
    for (int i = 0; i < 4; i += 2) {
      const NormalPair z = normal_from_bits(bits.word[i], bits.word[i + 1]);
      out[i] = narrow<T>(mean + deviation * A(z.first));
      out[i + 1] = narrow<T>(mean + deviation * A(z.second));
    }
  }
};

// Writes lane after lane where the group does not fit, or where y is not aligned.
template <typename T, int kWidth>
__device__ void store_some(T* y, int64_t n, int64_t first, bool aligned, const Vec<T, kWidth>& values) {
  if (aligned && first + kWidth <= n) {
    store_vec(y + first, values);
  } else {
#pragma unroll
    for (int lane = 0; lane < kWidth; ++lane) {
      if (first + lane < n) y[first + lane] = values.lane[lane];
    }
  }
}

template <typename T, typename F>
__global__ void random_kernel(F f, PhiloxKey key, int64_t n, bool aligned, T* y) {
  constexpr int kWidth = kRandomWidth<T>;
  const int64_t first = thread_number() * kWidth;
  if (first >= n) return;
  key = key.now();
  Vec<T, kWidth> out;
#pragma unroll
  for (int group = 0; group < kWidth; group += 4) {
    f(philox(key, uint64_t(first + group) / 4), &out.lane[group]);
  }
  store_some(y, n, first, aligned, out);
}

// y may be x.
template <typename T>
__global__ void dropout_kernel(PhiloxKey key, uint32_t threshold, Accumulate<T> scale, int64_t n,
                               bool aligned, const T* x, T* y) {
  constexpr int kWidth = kRandomWidth<T>;
  const int64_t first = thread_number() * kWidth;
  if (first >= n) return;
  key = key.now();
  Vec<T, kWidth> values;
  if (aligned && first + kWidth <= n) {
    values = load_vec<T, kWidth>(x + first);
  } else {
#pragma unroll
    for (int lane = 0; lane < kWidth; ++lane) {
      if (first + lane < n) values.lane[lane] = x[first + lane];
    }
  }
#pragma unroll
  for (int group = 0; group < kWidth; group += 4) {
    const PhiloxBlock bits = philox(key, uint64_t(first + group) / 4);
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      T& value = values.lane[group + i];
      value = bits.word[i] >= threshold ? narrow<T>(widen(value) * scale) : T(0);
    }
  }
  store_some(y, n, first, aligned, values);
}

template <typename T, typename F>
void launch_random(const F& f, const PhiloxKey& key, Tensor& y) {
  const unsigned blocks = blocks_for(y.numel(), int64_t{kThreads} * kRandomWidth<T>);
  DLENGINE_LAUNCH((random_kernel<T, F>), blocks, kThreads, 0, enter(y.device()), f, key, y.numel(),
                  aligned16(y.raw()), y.data<T>());
}

}  // namespace

void CudaBackend::uniform(Tensor& y, double low, double high, const PhiloxKey& key) {
  if (y.numel() == 0) return;
  visit_floating(y.dtype(), "uniform", [&]<typename T>(Type<T>) {
    using A = Accumulate<T>;
    launch_random<T>(Uniform<T>{A(low), A(high)}, key, y);
  });
}

void CudaBackend::normal(Tensor& y, double mean, double deviation, const PhiloxKey& key) {
  if (y.numel() == 0) return;
  visit_floating(y.dtype(), "normal", [&]<typename T>(Type<T>) {
    using A = Accumulate<T>;
    launch_random<T>(Normal<T>{A(mean), A(deviation)}, key, y);
  });
}

void CudaBackend::dropout(const Tensor& x, double p, const PhiloxKey& key, Tensor& y) {
  if (x.numel() == 0) return;
  visit_floating(x.dtype(), "dropout", [&]<typename T>(Type<T>) {
    const unsigned blocks = blocks_for(x.numel(), int64_t{kThreads} * kRandomWidth<T>);
    DLENGINE_LAUNCH(dropout_kernel<T>, blocks, kThreads, 0, enter(x.device()), key, dropout_threshold(p),
                    1 / (1 - p), x.numel(), aligned16(x.raw(), y.raw()), x.data<T>(), y.data<T>());
  });
}

}  // namespace dlengine::cuda

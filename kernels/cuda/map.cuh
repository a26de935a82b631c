// y[i] = f(x0[i], x1[i], ...) for any number of tensors of one shape. Memory sets the speed, so dense,
// aligned tensors are read and written 16 bytes at a time.
#pragma once

#include <algorithm>
#include <cstddef>
#include <utility>

#include "dlengine/kernels/cuda/context.h"
#include "dlengine/kernels/cuda/launch.h"
#include "dlengine/kernels/cuda/vec.cuh"
#include "dlengine/kernels/cuda/walk.cuh"

namespace dlengine::cuda {

/// Neighbours per thread: 16 bytes of the widest type.
template <typename... T>
inline constexpr int kMapWidth = int(16 / std::max({sizeof(T)...}));

template <int kWidth, typename F, typename R, typename... T>
__device__ void map_lanes(const F& f, R* y, const Vec<T, kWidth>&... x) {
  Vec<R, kWidth> out;
#pragma unroll
  for (int lane = 0; lane < kWidth; ++lane) out.lane[lane] = f(x.lane[lane]...);
  store_vec(y, out);
}

// Dense tensors of n elements; y may be one of x. aligned: all addresses are multiples of 16.
template <typename F, typename R, typename... T>
__global__ void dense_map_kernel(F f, int64_t n, bool aligned, R* y, const T*... x) {
  constexpr int kWidth = kMapWidth<R, T...>;
  const int64_t first = thread_number() * kWidth;
  if (aligned && first + kWidth <= n) {
    map_lanes<kWidth>(f, y + first, load_vec<T, kWidth>(x + first)...);
  } else {
    const int64_t end = min(first + kWidth, n);
    for (int64_t i = first; i < end; ++i) y[i] = f(x[i]...);
  }
}

template <typename F, typename R, typename... T, size_t... kIndex>
__device__ void map_one(const F& f, const int64_t* at, std::index_sequence<kIndex...>, R* y, const T*... x) {
  y[at[0]] = f(x[at[1 + kIndex]]...);
}

// Tensors of any strides; tensor 0 of the walk is y, which may be one of x.
template <typename F, typename R, typename... T>
__global__ void strided_map_kernel(F f, const __grid_constant__ StridedWalk<1 + int(sizeof...(T))> walk, R* y,
                                   const T*... x) {
  const int64_t i = thread_number();
  if (i >= walk.count) return;
  int64_t at[1 + sizeof...(T)];
  offsets(walk, i, at);
  map_one(f, at, std::index_sequence_for<T...>{}, y, x...);
}

/// y = f(x...) where y has n elements of R and each x has n of T, all dense: map_dense<R, T...>(f, y, x...).
/// f is copied to the device.
template <typename R, typename... T, typename F, typename... X>
void map_dense(const F& f, Tensor& y, const X&... x) {
  static_assert(sizeof...(T) == sizeof...(X), "every x needs its type");
  const int64_t n = y.numel();
  if (n == 0) return;
  const cudaStream_t stream = enter(y.device());
  const unsigned blocks = blocks_for(n, int64_t{kThreads} * kMapWidth<R, T...>);
  DLENGINE_LAUNCH((dense_map_kernel<F, R, T...>), blocks, kThreads, 0, stream, f, n,
                  aligned16(y.raw(), x.raw()...), static_cast<R*>(y.raw()),
                  static_cast<const T*>(x.raw())...);
}

/// The same for tensors of one shape and any strides.
template <typename R, typename... T, typename F, typename... X>
void map(const F& f, Tensor& y, const X&... x) {
  static_assert(sizeof...(T) == sizeof...(X), "every x needs its type");
  const StridedWalk<1 + int(sizeof...(T))> walk({&y, &x...}, WalkOrder::memory);
  if (walk.is_flat()) return map_dense<R, T...>(f, y, x...);
  if (walk.count == 0) return;
  DLENGINE_LAUNCH((strided_map_kernel<F, R, T...>), blocks_for(walk.count, kThreads), kThreads, 0,
                  enter(y.device()), f, walk, static_cast<R*>(y.raw()), static_cast<const T*>(x.raw())...);
}

}  // namespace dlengine::cuda

// Position of the largest or smallest element of a row, found by its lanes.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "dlengine/kernels/cuda/launch.h"
#include "dlengine/kernels/cuda/reduce.cuh"
#include "dlengine/kernels/cuda/vec.cuh"

namespace dlengine::cuda {

template <typename A>
struct Best {
  A value;
  int64_t index;  // -1: nothing yet
};

// NaN beats everything; of equals the first one stays.
template <typename A>
__device__ bool beats(const Best<A>& a, const Best<A>& b, bool largest) {
  if (a.index < 0 || b.index < 0) return b.index < 0 && a.index >= 0;
  const bool a_nan = a.value != a.value, b_nan = b.value != b.value;
  if (a_nan != b_nan) return a_nan;
  if (a_nan || a.value == b.value) return a.index < b.index;
  return largest ? a.value > b.value : a.value < b.value;
}

template <int kLanes, typename A>
__device__ Best<A> row_best(Best<A> best, bool largest) {
#pragma unroll
  for (int step = kWarp / 2; step > 0; step /= 2) {
    const Best<A> other{A(__shfl_xor_sync(0xffffffffu, best.value, step)),
                        __shfl_xor_sync(0xffffffffu, best.index, step)};
    if (beats(other, best, largest)) best = other;
  }
  if constexpr (kLanes > kWarp) {
    constexpr int kWarps = kLanes / kWarp;
    DLENGINE_SHARED(A, values, [kWarps]);
    DLENGINE_SHARED(int64_t, indices, [kWarps]);
    __syncthreads();  // those of an earlier call have been read
    if (threadIdx.x % kWarp == 0) {
      values[threadIdx.x / kWarp] = best.value;
      indices[threadIdx.x / kWarp] = best.index;
    }
    __syncthreads();
    for (int warp = 0; warp < kWarps; ++warp) {
      const Best<A> other{values[warp], indices[warp]};
      if (beats(other, best, largest)) best = other;
    }
  }
  return best;
}

/// `size` elements, `stride` apart.
template <typename T>
struct Elements {
  const T* x;
  int64_t size, stride;
};

/// Index of the first largest (smallest) of the row's elements, in all of its lanes; NaN beats numbers.
template <int kLanes, typename T>
__device__ int64_t row_arg_extreme(const Elements<T>& row, bool largest) {
  Best<Accumulate<T>> best{Accumulate<T>(0), -1};
  for (int64_t i = threadIdx.x; i < row.size; i += kLanes) {
    const Best<Accumulate<T>> next{widen(row.x[i * row.stride]), i};
    if (beats(next, best, largest)) best = next;
  }
  return row_best<kLanes>(best, largest).index;
}

}  // namespace dlengine::cuda

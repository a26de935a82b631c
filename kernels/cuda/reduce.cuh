// Reductions inside of a block, always in the same order.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>
#include <type_traits>

#include "dlengine/kernels/cuda/launch.h"

namespace dlengine::cuda {

inline constexpr int kWarp = 32;

/// One row of work is done by kLanes threads with the same threadIdx.y: a warp, or a block of kThreads
/// threads.
template <int kLanes>
dim3 row_block() {
  return dim3(kLanes, kThreads / kLanes);
}
template <int kLanes>
unsigned row_blocks(int64_t rows) {
  return blocks_for(rows, kThreads / kLanes);
}
__device__ inline int64_t row_number() { return int64_t{blockIdx.x} * blockDim.y + threadIdx.y; }
/// Number of this thread in its block.
__device__ inline unsigned thread_of_block() { return threadIdx.y * blockDim.x + threadIdx.x; }

/// Combines the values of a row's lanes, or with kThreads of all threads of the block, with Op::value; all of
/// them get the result, and all of them must call it.
template <typename Op, int kLanes, typename A>
__device__ A row_reduce(A value) {
  static_assert(kLanes == kWarp || kLanes == kThreads, "a row is a warp or a block");
#pragma unroll
  for (int step = kWarp / 2; step > 0; step /= 2) {
    value = Op::value(value, A(__shfl_xor_sync(0xffffffffu, value, step)));
  }
  if constexpr (kLanes > kWarp) {
    constexpr int kWarps = kLanes / kWarp;
    const unsigned thread = thread_of_block();
    DLENGINE_SHARED(A, warp_values, [kWarps]);
    __syncthreads();  // the values of an earlier call have been read
    if (thread % kWarp == 0) warp_values[thread / kWarp] = value;
    __syncthreads();
    value = warp_values[0];
#pragma unroll
    for (int warp = 1; warp < kWarps; ++warp) value = Op::value(value, warp_values[warp]);
  }
  return value;
}

/// True in all threads of the block that is the last to come here: it may then read what the others wrote
/// before. All threads of a one-dimensional grid must call it, with `arrivals` of the stream (context.h),
/// which is zero between kernels.
__device__ inline bool is_last_block(uint32_t* arrivals) {
  if (gridDim.x == 1) {
    __syncthreads();
    return true;
  }
  DLENGINE_SHARED(bool, last, );
  __threadfence();
  __syncthreads();
  if (thread_of_block() == 0) {
    last = atomicAdd(arrivals, 1u) == gridDim.x - 1;
    if (last) *arrivals = 0;
  }
  __syncthreads();
  if (last) __threadfence();
  return last;
}

/// Calls f(std::integral_constant<int, kLanes>{}): a warp for short rows, a block for long ones.
template <typename F>
void visit_lanes(int64_t row_length, F&& f) {
  if (row_length <= 1024) {
    f(std::integral_constant<int, kWarp>{});
  } else {
    f(std::integral_constant<int, kThreads>{});
  }
}

}  // namespace dlengine::cuda

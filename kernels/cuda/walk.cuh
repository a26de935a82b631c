// Positions of strided elements, in 32-bit arithmetic where that is enough: 64-bit division is slow on a GPU.
#pragma once

#include <cstdint>

#include "dlengine/kernels/strided.h"

namespace dlengine::cuda {

/// i divided by a size, quotient and rest.
struct Split {
  int64_t quotient, rest;
};

__device__ inline Split split(int64_t i, int64_t size) {
  if ((uint64_t(i) | uint64_t(size)) >> 32 == 0) {
    const uint32_t quotient = uint32_t(i) / uint32_t(size);
    return {int64_t(quotient), int64_t(uint32_t(i) - quotient * uint32_t(size))};
  }
  const int64_t quotient = i / size;
  return {quotient, i - quotient * size};
}

/// Where element i of the walk is in each tensor.
template <int N>
__device__ void offsets(const StridedWalk<N>& walk, int64_t i, int64_t (&out)[N]) {
#pragma unroll
  for (int t = 0; t < N; ++t) out[t] = 0;
  for (int axis = walk.rank - 1; axis > 0; --axis) {
    const Split at = split(i, walk.size[axis]);
#pragma unroll
    for (int t = 0; t < N; ++t) out[t] += at.rest * walk.stride[t][axis];
    i = at.quotient;
  }
#pragma unroll
  for (int t = 0; t < N; ++t) out[t] += i * walk.stride[t][0];
}

/// Number of this thread in the grid.
__device__ inline int64_t thread_number() { return int64_t{blockIdx.x} * blockDim.x + threadIdx.x; }

}  // namespace dlengine::cuda

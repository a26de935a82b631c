// What softmax and cross-entropy compute of a row of logits.
#pragma once

#include <cmath>
#include <cstdint>

#include "dlengine/core/tensor.h"
#include "dlengine/kernels/cuda/reduce.cuh"
#include "dlengine/kernels/cuda/vec.cuh"
#include "dlengine/kernels/functors.h"
#include "dlengine/kernels/log_sum.h"

namespace dlengine::cuda {

/// Of one row x [C]: its largest element and sum(exp(x - largest)), in all lanes.
template <typename A>
struct RowSum {
  A largest, sum;
  __device__ LogSum<A> log() const { return LogSum<A>::of(largest, sum); }
};

template <int kLanes, typename T>
__device__ RowSum<Accumulate<T>> row_sum_exp(const T* x, int64_t columns) {
  using A = Accumulate<T>;
  A largest = A(-INFINITY);
  for (int64_t c = threadIdx.x; c < columns; c += kLanes) largest = Maximum::value(largest, widen(x[c]));
  largest = row_reduce<Maximum, kLanes>(largest);
  A sum(0);
  for (int64_t c = threadIdx.x; c < columns; c += kLanes) sum += std::exp(widen(x[c]) - largest);
  return {largest, row_reduce<Add, kLanes>(sum)};
}

/// Calls f(Type<T>{}, lanes) for rows of x [N, C]; one warp or one block has a row.
template <typename F>
void for_rows(const char* name, const Tensor& x, F&& f) {
  visit_floating(x.dtype(), name, [&]<typename T>(Type<T> type) {
    visit_lanes(x.shape()[1], [&](auto lanes) { f(type, lanes); });
  });
}

}  // namespace dlengine::cuda

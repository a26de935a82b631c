// What softmax and cross-entropy compute of rows of logits.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "dlengine/core/tensor.h"
#include "dlengine/kernels/cpu/fold.h"
#include "dlengine/kernels/cpu/map.h"
#include "dlengine/kernels/log_sum.h"

namespace dlengine {

/// Calls f(row) for each of `rows` rows of n elements, in parallel. Inside of a launch.
template <typename F>
void for_rows(int64_t rows, int64_t n, const F& f) {
  const int64_t work = 8 * std::max<int64_t>(1, n);  // exp() is dear
  parallel_for(rows, std::max<int64_t>(1, kGrain / work), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) f(row);
  });
}

/// Launches f(row) for each row of x [N, C]; in parallel.
template <typename F>
void launch_rows(const Tensor& x, F f) {
  launch([rows = x.shape()[0], n = x.shape()[1], f = std::move(f)] { for_rows(rows, n, f); });
}

template <typename T, typename A = Accumulate<T>>
LogSum<A> log_sum_exp(const T* x, int64_t n) {
  const A largest = fold<MaxFold, A>(0, n, [=](int64_t i) { return A(x[i]); });
  return LogSum<A>::of(largest,
                       fold<SumFold, A>(0, n, [=](int64_t i) { return std::exp(A(x[i]) - largest); }));
}

}  // namespace dlengine

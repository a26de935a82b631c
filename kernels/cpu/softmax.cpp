// Softmax and cross-entropy, row by row. The largest element is taken off first, so exp() cannot overflow.
#include <algorithm>
#include <cmath>
#include <limits>

#include "dlengine/core/check.h"
#include "dlengine/kernels/cpu/backend_cpu.h"
#include "dlengine/kernels/cpu/fold.h"
#include "dlengine/kernels/cpu/map.h"

namespace dlengine {

namespace {

/// Launches f(row) for each row of x [N, C]; in parallel.
template <typename F>
void launch_rows(const Tensor& x, F f) {
  const int64_t work = 8 * std::max<int64_t>(1, x.shape()[1]);  // exp() is dear
  launch_for(x.shape()[0], std::max<int64_t>(1, kGrain / work), [f](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) f(row);
  });
}

/// log(sum(exp(x))) as two numbers, whose sum may not be exact enough: the largest x, and the logarithm
/// beyond it.
template <typename A>
struct LogSum {
  A largest, rest;
};

template <typename T, typename A = Accumulate<T>>
LogSum<A> log_sum_exp(const T* x, int64_t n) {
  const A largest = fold<MaxFold, A>(0, n, [=](int64_t i) { return A(x[i]); });
  if (std::isinf(largest)) {  // all are -inf, or one is +inf; differences would be NaN
    return {largest, largest > A(0) ? A(0) : -std::numeric_limits<A>::infinity()};
  }
  return {largest, std::log(fold<SumFold, A>(0, n, [=](int64_t i) { return std::exp(A(x[i]) - largest); }))};
}

template <typename T>
void softmax_row(const T* x, int64_t n, T* y) {
  using A = Accumulate<T>;
  const A largest = fold<MaxFold, A>(0, n, [=](int64_t i) { return A(x[i]); });
  const A sum = fold<SumFold, A>(0, n, [=](int64_t i) { return std::exp(A(x[i]) - largest); });
  for (int64_t i = 0; i < n; ++i) y[i] = T(std::exp(A(x[i]) - largest) / sum);
}

template <typename T>
void log_softmax_row(const T* x, int64_t n, T* y) {
  using A = Accumulate<T>;
  const LogSum<A> lse = log_sum_exp(x, n);
  for (int64_t i = 0; i < n; ++i) y[i] = T(A(x[i]) - lse.largest - lse.rest);
}

template <typename T>
void softmax_grad_row(const T* y, const T* dy, int64_t n, bool log, T* dx) {
  using A = Accumulate<T>;
  if (log) {
    const A sum = fold<SumFold, A>(0, n, [=](int64_t i) { return A(dy[i]); });
    for (int64_t i = 0; i < n; ++i) dx[i] = T(A(dy[i]) - std::exp(A(y[i])) * sum);
  } else {
    const A dot = fold<SumFold, A>(0, n, [=](int64_t i) { return A(y[i]) * A(dy[i]); });
    for (int64_t i = 0; i < n; ++i) dx[i] = T(A(y[i]) * (A(dy[i]) - dot));
  }
}

int64_t checked_class(const int64_t* labels, int64_t row, int64_t classes) {
  check<ValueError>(labels[row] >= 0 && labels[row] < classes,
                    "cross_entropy: label {} of row {} is outside of the classes 0 .. {}", labels[row], row,
                    classes - 1);
  return labels[row];
}

}  // namespace

void CpuBackend::softmax(const Tensor& x, bool log, Tensor& y) {
  const int64_t n = x.shape()[1];
  visit_floating(x.dtype(), "softmax", [&]<typename T>(Type<T>) {
    const T* in = x.data<T>();
    T* out = y.data<T>();
    launch_rows(x, [=](int64_t row) {
      log ? log_softmax_row(in + row * n, n, out + row * n) : softmax_row(in + row * n, n, out + row * n);
    });
  });
}

void CpuBackend::softmax_grad(const Tensor& y, const Tensor& dy, bool log, Tensor& dx) {
  const int64_t n = y.shape()[1];
  visit_floating(y.dtype(), "softmax_grad", [&]<typename T>(Type<T>) {
    const T *results = y.data<T>(), *gradients = dy.data<T>();
    T* out = dx.data<T>();
    launch_rows(y, [=](int64_t row) {
      softmax_grad_row(results + row * n, gradients + row * n, n, log, out + row * n);
    });
  });
}

void CpuBackend::cross_entropy(const Tensor& x, const Tensor& target, Tensor& loss, Tensor& lse) {
  const int64_t n = x.shape()[1];
  visit_floating(x.dtype(), "cross_entropy", [&]<typename T>(Type<T>) {
    using A = Accumulate<T>;
    const T* logits = x.data<T>();
    A *losses = loss.data<A>(), *sums = lse.data<A>();
    const int64_t* labels = target.dtype() == DType::i64 ? target.data<int64_t>() : nullptr;
    const T* shares = labels ? nullptr : target.data<T>();
    launch_rows(x, [=](int64_t row) {
      const T* values = logits + row * n;
      const LogSum<A> sum = log_sum_exp(values, n);
      sums[row] = sum.largest + sum.rest;
      if (labels) {
        losses[row] = sum.largest - A(values[checked_class(labels, row, n)]) + sum.rest;
      } else {
        losses[row] = fold<SumFold, A>(0, n, [=](int64_t i) {
          const A share = A(shares[row * n + i]);
          return share == A(0) ? A(0) : share * (sum.largest - A(values[i]) + sum.rest);
        });
      }
    });
  });
}

void CpuBackend::cross_entropy_grad(const Tensor& x, const Tensor& target, const Tensor& lse,
                                    const Tensor& dloss, double scale, Tensor& dx) {
  const int64_t n = x.shape()[1];
  visit_floating(x.dtype(), "cross_entropy_grad", [&]<typename T>(Type<T>) {
    using A = Accumulate<T>;
    const T* logits = x.data<T>();
    const A* sums = lse.data<A>();
    const RowGradients<A> scales{dloss.data<A>(), dloss.numel() == 1 ? 0 : 1, A(scale)};
    const int64_t* labels = target.dtype() == DType::i64 ? target.data<int64_t>() : nullptr;
    const T* shares = labels ? nullptr : target.data<T>();
    T* out = dx.data<T>();
    launch_rows(x, [=](int64_t row) {
      const auto target_share = [=](int64_t i) {
        return labels ? A(labels[row] == i) : A(shares[row * n + i]);
      };
      const A total = labels ? A(1) : fold<SumFold, A>(0, n, target_share);
      for (int64_t i = row * n; i < (row + 1) * n; ++i) {
        out[i] = T((std::exp(A(logits[i]) - sums[row]) * total - target_share(i - row * n)) * scales[row]);
      }
    });
  });
}

}  // namespace dlengine

// Softmax, row by row. The largest element is taken off first, so exp() cannot overflow.
#include <cmath>

#include "dlengine/kernels/cpu/backend_cpu.h"
#include "dlengine/kernels/cpu/softmax.h"

namespace dlengine {

namespace {

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

}  // namespace dlengine

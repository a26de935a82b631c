// Softmax and cross-entropy: one warp per row of up to 1024 elements, else one block.
#include "dlengine/kernels/cuda/backend_cuda.h"
#include "dlengine/kernels/cuda/context.h"
#include "dlengine/kernels/cuda/fault.cuh"
#include "dlengine/kernels/cuda/reduce.cuh"
#include "dlengine/kernels/cuda/vec.cuh"
#include "dlengine/kernels/functors.h"

namespace dlengine::cuda {

namespace {

// Of one row x [C]: its largest element and sum(exp(x - largest)), in all lanes.
template <typename A>
struct RowSum {
  A largest, sum;
  // log(sum(exp(x))) - largest; where all x are -infinity, or one is +infinity, differences would be NaN.
  __device__ A log_rest() const {
    if (isinf(largest)) return largest > A(0) ? A(0) : largest;
    return std::log(sum);
  }
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

// x, y [N, C]
template <typename T, int kLanes, bool kLog>
__global__ void softmax_kernel(int64_t rows, int64_t columns, const T* x, T* y) {
  using A = Accumulate<T>;
  const int64_t row = row_number();
  if (row >= rows) return;
  x += row * columns;
  y += row * columns;
  const RowSum<A> row_sum = row_sum_exp<kLanes>(x, columns);
  const A rest = kLog ? row_sum.log_rest() : A(0);
  for (int64_t c = threadIdx.x; c < columns; c += kLanes) {
    const A shifted = widen(x[c]) - row_sum.largest;
    y[c] = narrow<T>(kLog ? shifted - rest : std::exp(shifted) / row_sum.sum);
  }
}

// y, dy, dx [N, C]
template <typename T, int kLanes, bool kLog>
__global__ void softmax_grad_kernel(int64_t rows, int64_t columns, const T* y, const T* dy, T* dx) {
  using A = Accumulate<T>;
  const int64_t row = row_number();
  if (row >= rows) return;
  y += row * columns;
  dy += row * columns;
  dx += row * columns;
  A sum(0);
  for (int64_t c = threadIdx.x; c < columns; c += kLanes) sum += widen(dy[c]) * (kLog ? A(1) : widen(y[c]));
  sum = row_reduce<Add, kLanes>(sum);
  for (int64_t c = threadIdx.x; c < columns; c += kLanes) {
    const A result = widen(y[c]), slope = widen(dy[c]);
    dx[c] = narrow<T>(kLog ? slope - std::exp(result) * sum : result * (slope - sum));
  }
}

// x [N, C], label [N] -> loss, lse [N]
template <typename T, int kLanes>
__global__ void label_loss_kernel(int64_t rows, int64_t columns, const T* x, const int64_t* labels,
                                  Accumulate<T>* loss, Accumulate<T>* lse, Fault* fault) {
  using A = Accumulate<T>;
  const int64_t row = row_number();
  if (row >= rows) return;
  x += row * columns;
  const RowSum<A> row_sum = row_sum_exp<kLanes>(x, columns);
  if (threadIdx.x > 0) return;
  const int64_t label = labels[row];
  const bool known = label >= 0 && label < columns;
  if (!known) report_fault(fault, Fault::kLabel, row, label, columns);
  const A rest = row_sum.log_rest();
  lse[row] = row_sum.largest + rest;
  loss[row] = known ? row_sum.largest - widen(x[label]) + rest : A(0);
}

// x, target [N, C] -> loss, lse [N]; a class of probability 0 does not count, even where its logit is
// -infinity.
template <typename T, int kLanes>
__global__ void probability_loss_kernel(int64_t rows, int64_t columns, const T* x, const T* target,
                                        Accumulate<T>* loss, Accumulate<T>* lse) {
  using A = Accumulate<T>;
  const int64_t row = row_number();
  if (row >= rows) return;
  x += row * columns;
  target += row * columns;
  const RowSum<A> row_sum = row_sum_exp<kLanes>(x, columns);
  const A rest = row_sum.log_rest();
  A sum(0);
  for (int64_t c = threadIdx.x; c < columns; c += kLanes) {
    const A share = widen(target[c]);
    if (share != A(0)) sum += share * (row_sum.largest - widen(x[c]) + rest);
  }
  sum = row_reduce<Add, kLanes>(sum);
  if (threadIdx.x > 0) return;
  lse[row] = row_sum.largest + rest;
  loss[row] = sum;
}

// dx = (exp(x - lse) - onehot(label)) * dloss
template <typename T, int kLanes>
__global__ void label_loss_grad_kernel(int64_t rows, int64_t columns, const T* x, const int64_t* labels,
                                       const Accumulate<T>* lse, RowGradients<Accumulate<T>> dloss, T* dx) {
  using A = Accumulate<T>;
  const int64_t row = row_number();
  if (row >= rows) return;
  const int64_t label = labels[row];
  for (int64_t c = threadIdx.x; c < columns; c += kLanes) {
    const A probability = std::exp(widen(x[row * columns + c]) - lse[row]);
    dx[row * columns + c] = narrow<T>((probability - A(c == label)) * dloss[row]);
  }
}

// dx = (exp(x - lse) * sum(target) - target) * dloss
template <typename T, int kLanes>
__global__ void probability_loss_grad_kernel(int64_t rows, int64_t columns, const T* x, const T* target,
                                             const Accumulate<T>* lse, RowGradients<Accumulate<T>> dloss,
                                             T* dx) {
  using A = Accumulate<T>;
  const int64_t row = row_number();
  if (row >= rows) return;
  x += row * columns;
  target += row * columns;
  dx += row * columns;
  A sum(0);
  for (int64_t c = threadIdx.x; c < columns; c += kLanes) sum += widen(target[c]);
  sum = row_reduce<Add, kLanes>(sum);
  for (int64_t c = threadIdx.x; c < columns; c += kLanes) {
    const A probability = std::exp(widen(x[c]) - lse[row]);
    dx[c] = narrow<T>((probability * sum - widen(target[c])) * dloss[row]);
  }
}

// Calls f(Type<T>{}, lanes) for rows of x [N, C]; not at all where there are none.
template <typename F>
void for_rows(const char* name, const Tensor& x, F&& f) {
  if (x.shape()[0] == 0) return;
  visit_floating(x.dtype(), name, [&]<typename T>(Type<T> type) {
    visit_lanes(x.shape()[1], [&](auto lanes) { f(type, lanes); });
  });
}

}  // namespace

void CudaBackend::softmax(const Tensor& x, bool log, Tensor& y) {
  for_rows("softmax", x, [&]<typename T, int kLanes>(Type<T>, std::integral_constant<int, kLanes>) {
    const int64_t rows = x.shape()[0], columns = x.shape()[1];
    const auto softmax_rows = log ? softmax_kernel<T, kLanes, true> : softmax_kernel<T, kLanes, false>;
    DLENGINE_LAUNCH(softmax_rows, row_blocks<kLanes>(rows), row_block<kLanes>(), 0, enter(x.device()), rows,
                    columns, x.data<T>(), y.data<T>());
  });
}

void CudaBackend::softmax_grad(const Tensor& y, const Tensor& dy, bool log, Tensor& dx) {
  for_rows("softmax_grad", y, [&]<typename T, int kLanes>(Type<T>, std::integral_constant<int, kLanes>) {
    const int64_t rows = y.shape()[0], columns = y.shape()[1];
    const auto softmax_grad_rows =
        log ? softmax_grad_kernel<T, kLanes, true> : softmax_grad_kernel<T, kLanes, false>;
    DLENGINE_LAUNCH(softmax_grad_rows, row_blocks<kLanes>(rows), row_block<kLanes>(), 0, enter(y.device()),
                    rows, columns, y.data<T>(), dy.data<T>(), dx.data<T>());
  });
}

void CudaBackend::cross_entropy(const Tensor& x, const Tensor& target, Tensor& loss, Tensor& lse) {
  for_rows("cross_entropy", x, [&]<typename T, int kLanes>(Type<T>, std::integral_constant<int, kLanes>) {
    using A = Accumulate<T>;
    const int64_t rows = x.shape()[0], columns = x.shape()[1];
    const dim3 grid = row_blocks<kLanes>(rows), block = row_block<kLanes>();
    const cudaStream_t stream = enter(x.device());
    if (target.rank() == 1) {
      DLENGINE_LAUNCH((label_loss_kernel<T, kLanes>), grid, block, 0, stream, rows, columns, x.data<T>(),
                      target.data<int64_t>(), loss.data<A>(), lse.data<A>(), fault_of(x.device()));
    } else {
      DLENGINE_LAUNCH((probability_loss_kernel<T, kLanes>), grid, block, 0, stream, rows, columns,
                      x.data<T>(), target.data<T>(), loss.data<A>(), lse.data<A>());
    }
  });
}

void CudaBackend::cross_entropy_grad(const Tensor& x, const Tensor& target, const Tensor& lse,
                                     const Tensor& dloss, double scale, Tensor& dx) {
  for_rows(
      "cross_entropy_grad", x, [&]<typename T, int kLanes>(Type<T>, std::integral_constant<int, kLanes>) {
        using A = Accumulate<T>;
        const int64_t rows = x.shape()[0], columns = x.shape()[1];
        const dim3 grid = row_blocks<kLanes>(rows), block = row_block<kLanes>();
        const cudaStream_t stream = enter(x.device());
        const RowGradients<A> gradients{dloss.data<A>(), dloss.numel() == 1 ? 0 : 1, A(scale)};
        if (target.rank() == 1) {
          DLENGINE_LAUNCH((label_loss_grad_kernel<T, kLanes>), grid, block, 0, stream, rows, columns,
                          x.data<T>(), target.data<int64_t>(), lse.data<A>(), gradients, dx.data<T>());
        } else {
          DLENGINE_LAUNCH((probability_loss_grad_kernel<T, kLanes>), grid, block, 0, stream, rows, columns,
                          x.data<T>(), target.data<T>(), lse.data<A>(), gradients, dx.data<T>());
        }
      });
}

}  // namespace dlengine::cuda

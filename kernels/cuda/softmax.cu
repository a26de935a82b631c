// Softmax: one warp per row of up to 1024 elements, else one block.
#include "dlengine/kernels/cuda/backend_cuda.h"
#include "dlengine/kernels/cuda/context.h"
#include "dlengine/kernels/cuda/softmax.cuh"

namespace dlengine::cuda {

namespace {

// x, y [N, C]
template <typename T, int kLanes, bool kLog>
__global__ void softmax_kernel(int64_t rows, int64_t columns, const T* x, T* y) {
  using A = Accumulate<T>;
  const int64_t row = row_number();
  if (row >= rows) return;
  x += row * columns;
  y += row * columns;
  const RowSum<A> row_sum = row_sum_exp<kLanes>(x, columns);
  const A rest = kLog ? row_sum.log().rest : A(0);
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

}  // namespace

void CudaBackend::softmax(const Tensor& x, bool log, Tensor& y) {
  if (x.shape()[0] == 0) return;
  for_rows("softmax", x, [&]<typename T, int kLanes>(Type<T>, std::integral_constant<int, kLanes>) {
    const int64_t rows = x.shape()[0], columns = x.shape()[1];
    const auto softmax_rows = log ? softmax_kernel<T, kLanes, true> : softmax_kernel<T, kLanes, false>;
    DLENGINE_LAUNCH(softmax_rows, row_blocks<kLanes>(rows), row_block<kLanes>(), 0, enter(x.device()), rows,
                    columns, x.data<T>(), y.data<T>());
  });
}

void CudaBackend::softmax_grad(const Tensor& y, const Tensor& dy, bool log, Tensor& dx) {
  if (y.shape()[0] == 0) return;
  for_rows("softmax_grad", y, [&]<typename T, int kLanes>(Type<T>, std::integral_constant<int, kLanes>) {
    const int64_t rows = y.shape()[0], columns = y.shape()[1];
    const auto softmax_grad_rows =
        log ? softmax_grad_kernel<T, kLanes, true> : softmax_grad_kernel<T, kLanes, false>;
    DLENGINE_LAUNCH(softmax_grad_rows, row_blocks<kLanes>(rows), row_block<kLanes>(), 0, enter(y.device()),
                    rows, columns, y.data<T>(), dy.data<T>(), dx.data<T>());
  });
}

}  // namespace dlengine::cuda

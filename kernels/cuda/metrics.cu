// Loss and hits of a batch, added up by one block.
#include "dlengine/kernels/batch_totals.h"
#include "dlengine/kernels/cuda/backend_cuda.h"
#include "dlengine/kernels/cuda/context.h"
#include "dlengine/kernels/cuda/reduce.cuh"
#include "dlengine/kernels/functors.h"

namespace dlengine::cuda {

namespace {

// x [rows, columns]; labels may be null.
template <typename T, typename L>
__global__ void count_batch_kernel(int64_t rows, int64_t columns, const L* loss, const T* x,
                                   const int64_t* labels, BatchTotals* totals) {
  int64_t hits = 0;
  for (int64_t row = threadIdx.x; labels && row < rows; row += kThreads) {
    hits += arg_extreme<Greater>(x + row * columns, columns, 1) == labels[row];
  }
  hits = row_reduce<Add, kThreads>(hits);
  if (threadIdx.x == 0) totals->add(double(*loss), hits, rows);
}

}  // namespace

void CudaBackend::count_batch(const Tensor& loss, const Tensor& x, const Tensor& classes, Tensor& totals) {
  const int64_t columns = classes.defined() ? x.shape()[1] : 0;
  const int64_t* labels = classes.defined() ? classes.data<int64_t>() : nullptr;
  auto* sums = reinterpret_cast<BatchTotals*>(totals.data<double>());
  const auto count = [&]<typename L>(Type<L>) {
    visit_floating(x.dtype(), "count_batch", [&]<typename T>(Type<T>) {
      DLENGINE_LAUNCH((count_batch_kernel<T, L>), 1, kThreads, 0, enter(x.device()), x.shape()[0], columns,
                      loss.data<L>(), x.data<T>(), labels, sums);
    });
  };
  loss.dtype() == DType::f64 ? count(Type<double>{}) : count(Type<float>{});
}

}  // namespace dlengine::cuda

// Cross-entropy in one kernel: the losses of all rows, their sum, the gradient of the logits, and the hits. A
// warp has a row of up to 1024 elements, else a block.
#include <algorithm>

#include "dlengine/kernels/batch_totals.h"
#include "dlengine/kernels/cuda/backend_cuda.h"
#include "dlengine/kernels/cuda/best.cuh"
#include "dlengine/kernels/cuda/context.h"
#include "dlengine/kernels/cuda/fault.cuh"
#include "dlengine/kernels/cuda/softmax.cuh"
#include "dlengine/kernels/row_gradients.h"

namespace dlengine::cuda {

namespace {

// One row of logits x [C] with the logarithm of its sum, exp(largest + rest).
template <typename T>
struct Logits {
  using A = Accumulate<T>;
  const T* x;
  int64_t columns;
  LogSum<A> sum;

  __device__ A minus_log_probability(int64_t c) const { return sum.minus_log_probability(widen(x[c])); }
  __device__ A probability(int64_t c) const { return sum.probability(widen(x[c])); }
};

template <int kLanes, typename T>
__device__ Logits<T> row_logits(const T* x, int64_t columns) {
  return {x, columns, row_sum_exp<kLanes>(x, columns).log()};
}

// The two kinds of targets. loss() and total() are computed by all lanes of a row together.

// labels [N]
template <typename T, int kLanes>
struct Classes {
  using A = Accumulate<T>;
  const int64_t* labels;
  Fault* fault;

  __device__ A loss(int64_t row, const Logits<T>& logits) const {
    const int64_t label = labels[row];
    const bool known = label >= 0 && label < logits.columns;
    if (!known && threadIdx.x == 0) report_fault(fault, Fault::kLabel, row, label, logits.columns);
    return known ? logits.minus_log_probability(label) : A(0);
  }
  __device__ A total(int64_t, int64_t) const { return A(1); }
  __device__ A share(int64_t row, int64_t, int64_t c) const { return A(labels[row] == c); }
  __device__ int64_t best(int64_t row, int64_t) const { return labels[row]; }
};

// shares [N, C]; a class of probability 0 does not count, even where its logit is -infinity.
template <typename T, int kLanes>
struct Probabilities {
  using A = Accumulate<T>;
  const T* shares;

  __device__ A loss(int64_t row, const Logits<T>& logits) const {
    A sum(0);
    for (int64_t c = threadIdx.x; c < logits.columns; c += kLanes) {
      const A part = share(row, logits.columns, c);
      if (part != A(0)) sum += part * logits.minus_log_probability(c);
    }
    return row_reduce<Add, kLanes>(sum);
  }
  __device__ A total(int64_t row, int64_t columns) const {
    A sum(0);
    for (int64_t c = threadIdx.x; c < columns; c += kLanes) sum += share(row, columns, c);
    return row_reduce<Add, kLanes>(sum);
  }
  __device__ A share(int64_t row, int64_t columns, int64_t c) const {
    return widen(shares[row * columns + c]);
  }
  __device__ int64_t best(int64_t row, int64_t columns) const {
    return row_arg_extreme<kLanes>(Elements<T>{shares + row * columns, columns, 1}, true);
  }
};

// dx = (softmax(x) * sum(target) - target) * scale, of one row
template <int kLanes, typename T, typename Target>
__device__ void write_gradient(const Target& target, int64_t row, const Logits<T>& logits,
                               Accumulate<T> scale, T* dx) {
  using A = Accumulate<T>;
  const A total = target.total(row, logits.columns);
  for (int64_t c = threadIdx.x; c < logits.columns; c += kLanes) {
    const A slope = logits.probability(c) * total - target.share(row, logits.columns, c);
    dx[c] = narrow<T>(slope * scale);
  }
}

// Where the kernel writes; null: not wanted.
template <typename T>
struct Results {
  using A = Accumulate<T>;
  A* losses;  // [N]
  T* dx;      // [N, C]
  A* total;
  A divisor, scale;  // of the total; of dx
  int32_t* hits;     // [N], and with them the totals
  BatchTotals* totals;
  uint32_t* arrivals;
};

// Adds the rows up, by one block.
template <typename T>
__device__ void add_rows(int64_t rows, const Results<T>& to) {
  using A = Accumulate<T>;
  A sum(0);
  int64_t hits = 0;
  for (int64_t row = thread_of_block(); row < rows; row += kThreads) {
    sum += to.losses[row];
    if (to.hits) hits += to.hits[row];
  }
  sum = row_reduce<Add, kThreads>(sum);
  hits = row_reduce<Add, kThreads>(hits);
  if (thread_of_block() > 0) return;
  const A loss = sum / to.divisor;
  *to.total = loss;
  if (to.totals) to.totals->add(double(loss), hits, rows);
}

// x [rows, columns]
template <typename T, int kLanes, typename Target>
__global__ void cross_entropy_kernel(int64_t rows, int64_t columns, const T* x, Target target,
                                     const __grid_constant__ Results<T> to) {
  const int64_t row = row_number();
  if (row < rows) {
    const Logits<T> logits = row_logits<kLanes>(x + row * columns, columns);
    const Accumulate<T> loss = target.loss(row, logits);
    if (threadIdx.x == 0) to.losses[row] = loss;
    if (to.dx) write_gradient<kLanes>(target, row, logits, to.scale, to.dx + row * columns);
    if (to.hits) {
      const int64_t best = row_arg_extreme<kLanes>(Elements<T>{logits.x, columns, 1}, true);
      const bool hit = best == target.best(row, columns);
      if (threadIdx.x == 0) to.hits[row] = hit;
    }
  }
  if (to.total && is_last_block(to.arrivals)) add_rows(rows, to);
}

template <typename T, int kLanes, typename Target>
__global__ void cross_entropy_grad_kernel(int64_t rows, int64_t columns, const T* x, Target target,
                                          RowGradients<Accumulate<T>> dloss, T* dx) {
  const int64_t row = row_number();
  if (row >= rows) return;
  const Logits<T> logits = row_logits<kLanes>(x + row * columns, columns);
  write_gradient<kLanes>(target, row, logits, dloss[row], dx + row * columns);
}

// Calls f(Type<T>{}, lanes, target) for rows of x.
template <typename F>
void for_targets(const char* name, const Tensor& x, const Tensor& target, F&& f) {
  for_rows(name, x, [&]<typename T, int kLanes>(Type<T> type, std::integral_constant<int, kLanes> lanes) {
    if (target.rank() == 1) {
      f(type, lanes, Classes<T, kLanes>{target.data<int64_t>(), fault_of(x.device())});
    } else {
      f(type, lanes, Probabilities<T, kLanes>{target.data<T>()});
    }
  });
}

// memory: for the rows where only their sum is wanted.
template <typename T>
Results<T> results_of(int64_t rows, const Backend::CrossEntropy& result, void* memory) {
  using A = Accumulate<T>;
  Results<T> to{};
  to.dx = result.dx.defined() ? result.dx.data<T>() : nullptr;
  to.scale = A(1 / result.divisor);
  if (result.loss.rank() == 1) {
    to.losses = result.loss.data<A>();
    return to;
  }
  to.losses = static_cast<A*>(memory);
  to.total = result.loss.data<A>();
  to.divisor = A(result.divisor);
  to.arrivals = arrivals_of(result.loss.device());
  if (result.totals.defined()) {
    to.hits = reinterpret_cast<int32_t*>(to.losses + rows);
    to.totals = reinterpret_cast<BatchTotals*>(result.totals.data<double>());
  }
  return to;
}

}  // namespace

void CudaBackend::cross_entropy(const Tensor& x, const Tensor& target, CrossEntropy& result) {
  const int64_t rows = x.shape()[0], columns = x.shape()[1];
  const bool reduced = result.loss.rank() == 0;
  if (rows == 0 && !reduced) return;
  const Scratch memory(reduced ? size_t(rows) * (size_of(result.loss.dtype()) + sizeof(int32_t)) : 0,
                       x.device());
  for_targets("cross_entropy", x, target,
              [&]<typename T, int kLanes, typename Target>(Type<T>, std::integral_constant<int, kLanes>,
                                                           const Target& labels) {
                const unsigned blocks = std::max(1u, row_blocks<kLanes>(rows));
                DLENGINE_LAUNCH((cross_entropy_kernel<T, kLanes, Target>), blocks, row_block<kLanes>(), 0,
                                enter(x.device()), rows, columns, x.data<T>(), labels,
                                results_of<T>(rows, result, memory.data()));
              });
}

void CudaBackend::cross_entropy_grad(const Tensor& x, const Tensor& target, const Tensor& dloss,
                                     double divisor, Tensor& dx) {
  const int64_t rows = x.shape()[0], columns = x.shape()[1];
  if (rows == 0) return;
  for_targets("cross_entropy_grad", x, target,
              [&]<typename T, int kLanes, typename Target>(Type<T>, std::integral_constant<int, kLanes>,
                                                           const Target& labels) {
                using A = Accumulate<T>;
                const RowGradients<A> slopes{dloss.data<A>(), dloss.numel() == 1 ? 0 : 1, A(1 / divisor)};
                DLENGINE_LAUNCH((cross_entropy_grad_kernel<T, kLanes, Target>), row_blocks<kLanes>(rows),
                                row_block<kLanes>(), 0, enter(x.device()), rows, columns, x.data<T>(), labels,
                                slopes, dx.data<T>());
              });
}

}  // namespace dlengine::cuda

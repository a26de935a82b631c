// Sums, means, extremes and their positions. The order of the additions depends on the shapes alone: a row of
// lanes adds its share, long reductions are cut into chunks, and a second pass adds the chunks' results.
#include <algorithm>
#include <limits>

#include "dlengine/kernels/cuda/backend_cuda.h"
#include "dlengine/kernels/cuda/best.cuh"
#include "dlengine/kernels/cuda/context.h"
#include "dlengine/kernels/cuda/reduce.cuh"
#include "dlengine/kernels/cuda/vec.cuh"
#include "dlengine/kernels/cuda/walk.cuh"
#include "dlengine/kernels/functors.h"

namespace dlengine::cuda {

namespace {

// y[chunk][output] = reduction of the chunk's part of x; the last pass, with one chunk, divides too.
template <typename A>
struct Reduction {
  StridedWalk<1> kept, reduced;  // where an output's elements begin in x, and where they are from there
  int64_t chunk;                 // elements of a chunk; blockIdx.y is its number
  A identity, divisor;
};

constexpr int kColumns = 32;                // outputs of a block where they are neighbours in memory
constexpr int kRows = kThreads / kColumns;  // threads that share one of them
constexpr int64_t kMaxBlocks = 1024;        // no more chunks where there are so many blocks
constexpr int64_t kElementsPerThread = 16;  // no more chunks where a thread would have fewer

template <typename Op, typename T, typename A>
__device__ A reduce_share(const Reduction<A>& r, const T* x, int64_t first, int64_t end, int step) {
  A value = r.identity;
  if (r.reduced.rank == 1) {
    const int64_t stride = r.reduced.stride[0][0];
#pragma unroll 4
    for (int64_t i = first; i < end; i += step) value = Op::value(value, widen(x[i * stride]));
    return value;
  }
#pragma unroll 1
  for (int64_t i = first; i < end; i += step) {
    int64_t at[1];
    offsets(r.reduced, i, at);
    value = Op::value(value, widen(x[at[0]]));
  }
  return value;
}

// The elements of one output are neighbours: the lanes of a row read them together.
template <typename Op, typename T, typename R, int kLanes, typename A>
__global__ void reduce_rows_kernel(const __grid_constant__ Reduction<A> r, const T* x, R* y) {
  const int64_t output = row_number();
  if (output >= r.kept.count) return;
  int64_t start[1];
  offsets(r.kept, output, start);
  const int64_t first = blockIdx.y * r.chunk;
  const int64_t end = min(first + r.chunk, r.reduced.count);
  const A share = reduce_share<Op>(r, x + start[0], first + threadIdx.x, end, kLanes);
  const A value = row_reduce<Op, kLanes>(share);
  if (threadIdx.x == 0) y[blockIdx.y * r.kept.count + output] = narrow<R>(A(value / r.divisor));
}

// The outputs are neighbours: 32 of them are read together, by 8 rows of threads.
template <typename Op, typename T, typename R, typename A>
__global__ void reduce_columns_kernel(const __grid_constant__ Reduction<A> r, const T* x, R* y) {
  DLENGINE_SHARED(A, shares, [kRows][kColumns]);
  const int64_t output = int64_t{blockIdx.x} * kColumns + threadIdx.x;
  if (output < r.kept.count) {
    int64_t start[1];
    offsets(r.kept, output, start);
    const int64_t first = blockIdx.y * r.chunk;
    const int64_t end = min(first + r.chunk, r.reduced.count);
    shares[threadIdx.y][threadIdx.x] = reduce_share<Op>(r, x + start[0], first + threadIdx.y, end, kRows);
  }
  __syncthreads();
  if (threadIdx.y > 0 || output >= r.kept.count) return;
  A value = shares[0][threadIdx.x];
#pragma unroll
  for (int row = 1; row < kRows; ++row) value = Op::value(value, shares[row][threadIdx.x]);
  y[blockIdx.y * r.kept.count + output] = narrow<R>(A(value / r.divisor));
}

enum class Layout { short_rows, long_rows, columns };

struct Plan {
  Layout layout;
  int64_t blocks, chunks;
};

// Decided by sizes and strides alone, so that a sum has one order.
Plan plan_for(const StridedWalk<1>& kept, const StridedWalk<1>& reduced) {
  const int64_t kept_step = std::abs(kept.stride[0][kept.rank - 1]);
  const int64_t reduced_step = std::abs(reduced.stride[0][reduced.rank - 1]);
  Layout layout = reduced.count <= 1024 ? Layout::short_rows : Layout::long_rows;
  if (kept.count >= kColumns && kept_step < reduced_step) layout = Layout::columns;
  const int64_t outputs = layout == Layout::columns      ? kColumns
                          : layout == Layout::short_rows ? kThreads / kWarp
                                                         : 1;
  const int64_t threads = kThreads / outputs;
  const int64_t blocks = blocks_for(kept.count, outputs);
  if (layout == Layout::short_rows) return {layout, blocks, 1};
  const int64_t wanted = std::min(kMaxBlocks / blocks, reduced.count / (threads * kElementsPerThread));
  return {layout, blocks, std::max<int64_t>(1, wanted)};
}

template <typename Op, typename T, typename R, typename A>
void launch_reduce(const Reduction<A>& r, const Plan& plan, const T* x, R* y, cudaStream_t stream) {
  const dim3 grid(unsigned(plan.blocks), unsigned(plan.chunks));
  switch (plan.layout) {
    case Layout::short_rows:
      return DLENGINE_LAUNCH((reduce_rows_kernel<Op, T, R, kWarp, A>), grid, row_block<kWarp>(), 0, stream, r,
                             x, y);
    case Layout::long_rows:
      return DLENGINE_LAUNCH((reduce_rows_kernel<Op, T, R, kThreads, A>), grid, row_block<kThreads>(), 0,
                             stream, r, x, y);
    case Layout::columns:
      return DLENGINE_LAUNCH((reduce_columns_kernel<Op, T, R, A>), grid, dim3(kColumns, kRows), 0, stream, r,
                             x, y);
  }
}

template <typename A>
A identity_of(Maximum) {
  using Limits = std::numeric_limits<A>;
  return Limits::has_infinity ? -Limits::infinity() : Limits::lowest();
}
template <typename A>
A identity_of(Minimum) {
  using Limits = std::numeric_limits<A>;
  return Limits::has_infinity ? Limits::infinity() : Limits::max();
}
template <typename A>
A identity_of(Add) {
  return A(0);
}

// x with the axes that the reduction keeps, or with those that it reduces, set to size 1.
Tensor without_axes(const Tensor& x, const Shape& y, bool kept) {
  Shape shape = x.shape();
  for (int axis = 0; axis < shape.rank(); ++axis) {
    if ((y[axis] == 1) != kept) shape[axis] = 1;
  }
  return {x.storage(), x.offset(), shape, x.strides(), x.dtype()};
}

template <typename Op, typename T>
void run_reduce(const Tensor& x, Tensor& y, bool mean) {
  using A = Accumulate<T>;
  const Tensor kept = without_axes(x, y.shape(), false), reduced = without_axes(x, y.shape(), true);
  const StridedWalk<1> kept_walk({&kept}), reduced_walk({&reduced});
  if (kept_walk.count == 0) return;
  const cudaStream_t stream = enter(x.device());
  const Plan plan = plan_for(kept_walk, reduced_walk);
  const A divisor = A(mean ? reduced_walk.count : 1);
  Reduction<A> r{kept_walk, reduced_walk, reduced_walk.count, identity_of<A>(Op{}), divisor};
  const T* from = static_cast<const T*>(x.raw());
  T* to = static_cast<T*>(y.raw());
  if (plan.chunks == 1) return launch_reduce<Op>(r, plan, from, to, stream);

  const int64_t outputs = kept_walk.count;
  const Scratch parts(size_t(plan.chunks * outputs) * sizeof(A), x.device());
  A* part = static_cast<A*>(parts.data());
  r.chunk = (reduced_walk.count + plan.chunks - 1) / plan.chunks;
  r.divisor = A(1);
  launch_reduce<Op>(r, plan, from, part, stream);

  Reduction<A> last = r;
  last.kept.rank = last.reduced.rank = 1;
  last.kept.size[0] = outputs;
  last.kept.stride[0][0] = 1;
  last.reduced.count = last.reduced.size[0] = last.chunk = plan.chunks;
  last.reduced.stride[0][0] = outputs;
  last.divisor = divisor;
  Plan last_plan = plan_for(last.kept, last.reduced);
  last_plan.chunks = 1;
  launch_reduce<Op>(last, last_plan, part, to, stream);
}

// --- Position of the largest or smallest ---

template <typename T, int kLanes>
__global__ void arg_reduce_kernel(const __grid_constant__ StridedWalk<1> kept, int64_t size, int64_t stride,
                                  bool largest, const T* x, int64_t* y) {
  const int64_t output = row_number();
  if (output >= kept.count) return;
  int64_t start[1];
  offsets(kept, output, start);
  const int64_t best = row_arg_extreme<kLanes>(Elements<T>{x + start[0], size, stride}, largest);
  if (threadIdx.x == 0) y[output] = best;
}

}  // namespace

void CudaBackend::reduce(ReduceOp op, const Tensor& x, Tensor& y) {
  visit_numeric(x.dtype(), "reduce", [&]<typename T>(Type<T>) {
    switch (op) {
      case ReduceOp::sum: return run_reduce<Add, T>(x, y, false);
      case ReduceOp::mean: return run_reduce<Add, T>(x, y, true);
      case ReduceOp::max: return run_reduce<Maximum, T>(x, y, false);
      case ReduceOp::min: return run_reduce<Minimum, T>(x, y, false);
    }
  });
}

void CudaBackend::arg_reduce(bool largest, const Tensor& x, int axis, Tensor& y) {
  const Tensor kept(x.storage(), x.offset(), y.shape(), x.strides(), x.dtype());
  const StridedWalk<1> walk({&kept});
  if (walk.count == 0) return;
  const int64_t size = x.shape()[axis], stride = x.strides()[axis];
  const cudaStream_t stream = enter(x.device());
  visit_numeric(x.dtype(), "arg_reduce", [&]<typename T>(Type<T>) {
    visit_lanes(size, [&](auto lanes) {
      constexpr int kLanes = decltype(lanes)::value;
      DLENGINE_LAUNCH((arg_reduce_kernel<T, kLanes>), row_blocks<kLanes>(walk.count), row_block<kLanes>(), 0,
                      stream, walk, size, stride, largest, static_cast<const T*>(x.raw()),
                      static_cast<int64_t*>(y.raw()));
    });
  });
}

}  // namespace dlengine::cuda

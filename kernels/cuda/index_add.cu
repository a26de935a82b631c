// Sums of elements by position, the gradients of picking them. Every sum runs in the order of the positions,
// as on the CPU.
#include "dlengine/core/factory.h"
#include "dlengine/kernels/cuda/backend_cuda.h"
#include "dlengine/kernels/cuda/context.h"
#include "dlengine/kernels/cuda/fault.cuh"
#include "dlengine/kernels/cuda/launch.h"
#include "dlengine/kernels/cuda/vec.cuh"
#include "dlengine/kernels/cuda/walk.cuh"

namespace dlengine::cuda {

namespace {

// Tensors around one axis. Outside of it dy may be smaller than dx, and the index has dy's sizes or, where
// its stride is 0, is the same for all.
struct Axes {
  int rank, axis;
  int64_t dx_size[kMaxRank], dx_stride[kMaxRank], dy_size[kMaxRank], dy_stride[kMaxRank];
  int64_t index_stride[kMaxRank];
  Fault::Kind kind;

  Axes(const Tensor& dy, int axis_of_sums, const Tensor& dx, Fault::Kind fault_kind)
      : rank(dx.rank()), axis(axis_of_sums), kind(fault_kind) {
    for (int i = 0; i < rank; ++i) {
      dx_size[i] = dx.shape()[i];
      dx_stride[i] = dx.strides()[i];
      dy_size[i] = dy.shape()[i];
      dy_stride[i] = dy.strides()[i];
      index_stride[i] = 0;
    }
  }
  DLENGINE_HOST_DEVICE int64_t positions() const { return dy_size[axis]; }
  DLENGINE_HOST_DEVICE int64_t size() const { return dx_size[axis]; }
};

// The line along the axis that an element is on: where it begins in each tensor.
struct Line {
  int64_t own = 0;  // the element's place on it
  int64_t dx = 0, dy = 0, index = 0;
  bool in_dy = true;

  // sizes: of the tensor whose element i is
  __device__ Line(const Axes& a, const int64_t* sizes, int64_t i) {
    for (int axis = a.rank - 1; axis >= 0; --axis) {
      const Split at = split(i, sizes[axis]);
      i = at.quotient;
      if (axis == a.axis) {
        own = at.rest;
        continue;
      }
      in_dy = in_dy && at.rest < a.dy_size[axis];
      dx += at.rest * a.dx_stride[axis];
      dy += at.rest * a.dy_stride[axis];
      index += at.rest * a.index_stride[axis];
    }
  }
};

// True if the number at `place` of the index is in range, else a report.
__device__ bool check_number(const Axes& a, int64_t place, int64_t number, Fault* fault) {
  if (number >= 0 && number < a.size()) return true;
  report_fault(fault, a.kind, place, number, a.size());
  return false;
}

// For few positions: each of the `count` elements of dx looks for its own ones along the axis.
template <typename T>
__global__ void add_few_kernel(const __grid_constant__ Axes a, int64_t count, const T* dy,
                               const int64_t* index, T* dx, Fault* fault) {
  const int64_t i = thread_number();
  if (i >= count) return;
  const Line line(a, a.dx_size, i);
  Accumulate<T> sum(0);
  const int64_t positions = line.in_dy ? a.positions() : 0;
  for (int64_t k = 0; k < positions; ++k) {
    const int64_t place = line.index + k * a.index_stride[a.axis], number = index[place];
    if (number == line.own) sum += widen(dy[line.dy + k * a.dy_stride[a.axis]]);
    if (line.own == 0) check_number(a, place, number, fault);
  }
  dx[i] = narrow<T>(sum);
}

// The end of the equal numbers that begin at first, of `end` sorted ones: doubled steps, then halved ones.
template <typename NumberAt>
__device__ int64_t end_of_equal(int64_t first, int64_t end, const NumberAt& number_at) {
  const int64_t own = number_at(first);
  int64_t last = first, step = 1;
  while (step < end - last && number_at(last + step) == own) {
    last += step;
    step *= 2;
  }
  for (step /= 2; step > 0; step /= 2) {
    if (step < end - last && number_at(last + step) == own) last += step;
  }
  return last + 1;
}

// For many: order has the positions sorted by their numbers, equal ones as they come. dx is 0 before. The
// thread of the first of equal numbers adds up all of them; there is one for each of the `count` elements of
// dy.
template <typename T>
__global__ void add_sorted_kernel(const __grid_constant__ Axes a, int64_t count, const T* dy,
                                  const int64_t* index, const int64_t* order, T* dx, Fault* fault) {
  const int64_t i = thread_number();
  if (i >= count) return;
  const Line line(a, a.dy_size, i);
  const int64_t step = a.index_stride[a.axis];
  const auto position_at = [&](int64_t k) { return order[line.index + k * step]; };
  const auto number_at = [&](int64_t k) { return index[line.index + position_at(k) * step]; };
  const int64_t number = number_at(line.own);
  if (line.own > 0 && number_at(line.own - 1) == number) return;
  if (!check_number(a, line.index + position_at(line.own) * step, number, fault)) return;
  const int64_t end = end_of_equal(line.own, a.positions(), number_at);
  Accumulate<T> sum(0);
#pragma unroll 8
  for (int64_t k = line.own; k < end; ++k) sum += widen(dy[line.dy + position_at(k) * a.dy_stride[a.axis]]);
  dx[line.dx + number * a.dx_stride[a.axis]] = narrow<T>(sum);
}

constexpr int64_t kFewPositions = 256, kFewComparisons = int64_t{1} << 24;

// index: of one axis, or shaped like dy.
void add(CudaBackend& backend, const Axes& a, const Tensor& dy, const Tensor& index, Tensor& dx) {
  const cudaStream_t stream = enter(dy.device());
  Fault* const fault = fault_of(dy.device());
  const bool few = a.positions() <= kFewPositions && dx.numel() * a.positions() <= kFewComparisons;
  if (few) {
    return visit_floating(dy.dtype(), "index_add", [&]<typename T>(Type<T>) {
      DLENGINE_LAUNCH(add_few_kernel<T>, blocks_for(dx.numel(), kThreads), kThreads, 0, stream, a, dx.numel(),
                      dy.data<T>(), index.data<int64_t>(), dx.data<T>(), fault);
    });
  }
  DLENGINE_CUDA_CHECK(cudaMemsetAsync(dx.raw(), 0, size_t(dx.numel()) * size_of(dx.dtype()), stream));
  if (dy.numel() == 0) return;
  Tensor order = empty(index.shape(), DType::i64, dy.device());
  backend.argsort(index, index.rank() == dy.rank() ? a.axis : 0, false, order);
  visit_floating(dy.dtype(), "index_add", [&]<typename T>(Type<T>) {
    DLENGINE_LAUNCH(add_sorted_kernel<T>, blocks_for(dy.numel(), kThreads), kThreads, 0, stream, a,
                    dy.numel(), dy.data<T>(), index.data<int64_t>(), order.data<int64_t>(), dx.data<T>(),
                    fault);
  });
}

}  // namespace

void CudaBackend::index_add(const Tensor& dy, int axis, const Tensor& index, Tensor& dx) {
  if (dx.numel() == 0) return;
  Axes axes(dy, axis, dx, Fault::kIndexAdd);
  axes.index_stride[axis] = 1;
  add(*this, axes, dy, index, dx);
}

void CudaBackend::scatter_add(const Tensor& dy, int axis, const Tensor& index, Tensor& dx) {
  if (dx.numel() == 0) return;
  Axes axes(dy, axis, dx, Fault::kScatterAdd);
  for (int i = 0; i < axes.rank; ++i) axes.index_stride[i] = index.strides()[i];
  add(*this, axes, dy, index, dx);
}

}  // namespace dlengine::cuda

// Picking elements by position, and the sums that are their gradients. Sums run in the order of the
// positions.
#include "dlengine/kernels/cuda/backend_cuda.h"
#include "dlengine/kernels/cuda/context.h"
#include "dlengine/kernels/cuda/fault.cuh"
#include "dlengine/kernels/cuda/launch.h"
#include "dlengine/kernels/cuda/vec.cuh"
#include "dlengine/kernels/cuda/walk.cuh"

namespace dlengine::cuda {

namespace {

// A tensor around one axis: [outer, size, inner], with `picked` positions in place of size on the other side.
struct AxisView {
  int64_t outer = 1, size, picked, inner = 1;

  AxisView(const Shape& shape, int axis, int64_t picked_count) : size(shape[axis]), picked(picked_count) {
    for (int i = 0; i < axis; ++i) outer *= shape[i];
    for (int i = axis + 1; i < shape.rank(); ++i) inner *= shape[i];
  }
  DLENGINE_HOST_DEVICE int64_t picked_total() const { return outer * picked * inner; }
};

// x [outer, size, inner], index [picked], y [outer, picked, inner]; inner counts words.
template <typename Word>
__global__ void index_select_kernel(AxisView v, const Word* x, const int64_t* index, Word* y, Fault* fault) {
  const int64_t i = thread_number();
  if (i >= v.picked_total()) return;
  const Split inner = split(i, v.inner);
  const Split outer = split(inner.quotient, v.picked);
  const int64_t from = index[outer.rest];
  if (from < 0 || from >= v.size) {
    report_fault(fault, Fault::kIndexSelect, outer.rest, from, v.size);
    y[i] = Word{};
  } else {
    y[i] = x[(outer.quotient * v.size + from) * v.inner + inner.rest];
  }
}

// next[k]: the next position with the same index, or -1. follows[k]: 1 if an earlier position has the same
// index; it was 0 before.
__global__ void link_equal_kernel(AxisView v, const int64_t* index, int64_t* next, uint8_t* follows,
                                  Fault* fault) {
  const int64_t k = thread_number();
  if (k >= v.picked) return;
  const int64_t own = index[k];
  int64_t other = k + 1;
  while (other < v.picked && index[other] != own) ++other;
  next[k] = other < v.picked ? other : -1;
  if (other < v.picked) follows[other] = 1;
  if (own < 0 || own >= v.size) report_fault(fault, Fault::kIndexAdd, k, own, v.size);
}

// dx [outer, size, inner], 0 before: the first position of each index adds up all that have it.
template <typename T>
__global__ void index_add_kernel(AxisView v, const T* dy, const int64_t* index, const int64_t* next,
                                 const uint8_t* follows, T* dx) {
  const int64_t i = thread_number();
  if (i >= v.picked_total()) return;
  const Split inner = split(i, v.inner);
  const Split outer = split(inner.quotient, v.picked);
  const int64_t to = index[outer.rest];
  if (follows[outer.rest] || to < 0 || to >= v.size) return;
  Accumulate<T> sum(0);
  for (int64_t k = outer.rest; k >= 0; k = next[k]) {
    sum += widen(dy[(outer.quotient * v.picked + k) * v.inner + inner.rest]);
  }
  dx[(outer.quotient * v.size + to) * v.inner + inner.rest] = narrow<T>(sum);
}

// Tensor 0 of the walk is y, shaped like index; tensor 1 is x at position 0 of the axis.
template <typename Word>
__global__ void gather_kernel(const __grid_constant__ StridedWalk<2> walk, int64_t size, int64_t stride,
                              const Word* x, const int64_t* index, Word* y, Fault* fault) {
  const int64_t i = thread_number();
  if (i >= walk.count) return;
  int64_t at[2];
  offsets(walk, i, at);
  const int64_t from = index[i];
  if (from < 0 || from >= size) {
    report_fault(fault, Fault::kGather, i, from, size);
    y[i] = Word{};
  } else {
    y[i] = x[at[1] + from * stride];
  }
}

// dx and index with their sizes; outside of the axis index may be smaller.
struct ScatterShape {
  int rank, axis;
  int64_t count;  // elements of dx
  int64_t dx_size[kMaxRank], index_size[kMaxRank], index_stride[kMaxRank];
};

// Each element of dx looks for itself along the axis of index.
template <typename T>
__global__ void scatter_add_kernel(const __grid_constant__ ScatterShape s, const T* dy, const int64_t* index,
                                   T* dx, Fault* fault) {
  const int64_t i = thread_number();
  if (i >= s.count) return;
  int64_t rest = i, start = 0, own = 0;
  bool inside = true;
  for (int axis = s.rank - 1; axis >= 0; --axis) {
    const Split at = split(rest, s.dx_size[axis]);
    rest = at.quotient;
    if (axis == s.axis) {
      own = at.rest;
    } else {
      inside = inside && at.rest < s.index_size[axis];
      start += at.rest * s.index_stride[axis];
    }
  }
  Accumulate<T> sum(0);
  const int64_t size = s.dx_size[s.axis], stride = s.index_stride[s.axis];
  for (int64_t k = 0; inside && k < s.index_size[s.axis]; ++k) {
    const int64_t place = start + k * stride, to = index[place];
    if (to == own) sum += widen(dy[place]);
    if (own == 0 && (to < 0 || to >= size)) report_fault(fault, Fault::kScatterAdd, place, to, size);
  }
  dx[i] = narrow<T>(sum);
}

__global__ void check_index_kernel(const int64_t* index, int64_t count, int64_t size, Fault::Kind kind,
                                   const char* op, Fault* fault) {
  const int64_t i = thread_number();
  if (i >= count) return;
  if (index[i] < 0 || index[i] >= size) report_fault(fault, kind, i, index[i], size, op);
}

template <typename Word>
void launch_index_select(AxisView v, const Tensor& x, const Tensor& index, Tensor& y) {
  v.inner = v.inner * int64_t(size_of(x.dtype())) / int64_t(sizeof(Word));
  DLENGINE_LAUNCH(index_select_kernel<Word>, blocks_for(v.picked_total(), kThreads), kThreads, 0,
                  enter(x.device()), v, static_cast<const Word*>(x.raw()), index.data<int64_t>(),
                  static_cast<Word*>(y.raw()), fault_of(x.device()));
}

}  // namespace

void CudaBackend::check_index(const char* op, IndexRole role, const Tensor& index, int64_t size) {
  if (index.numel() == 0) return;
  DLENGINE_LAUNCH(check_index_kernel, blocks_for(index.numel(), kThreads), kThreads, 0, enter(index.device()),
                  index.data<int64_t>(), index.numel(), size,
                  role == IndexRole::label ? Fault::kLabelOf : Fault::kPositionOf, op,
                  fault_of(index.device()));
}

void CudaBackend::index_select(const Tensor& x, int axis, const Tensor& index, Tensor& y) {
  if (y.numel() == 0) return;
  const AxisView view(x.shape(), axis, index.numel());
  switch (word_bytes(size_t(view.inner) * size_of(x.dtype()), x.raw(), y.raw())) {
    case 1: return launch_index_select<uint8_t>(view, x, index, y);
    case 2: return launch_index_select<uint16_t>(view, x, index, y);
    case 4: return launch_index_select<uint32_t>(view, x, index, y);
    case 8: return launch_index_select<uint64_t>(view, x, index, y);
    default: return launch_index_select<Vec<uint64_t, 2>>(view, x, index, y);
  }
}

void CudaBackend::index_add(const Tensor& dy, int axis, const Tensor& index, Tensor& dx) {
  if (dx.numel() == 0) return;
  const cudaStream_t stream = enter(dy.device());
  DLENGINE_CUDA_CHECK(cudaMemsetAsync(dx.raw(), 0, size_t(dx.numel()) * size_of(dx.dtype()), stream));
  if (dy.numel() == 0) return;
  const AxisView view(dx.shape(), axis, index.numel());
  const Scratch next_memory(size_t(view.picked) * sizeof(int64_t), dy.device());
  const Scratch follows_memory(size_t(view.picked), dy.device());
  auto* next = static_cast<int64_t*>(next_memory.data());
  auto* follows = static_cast<uint8_t*>(follows_memory.data());
  DLENGINE_CUDA_CHECK(cudaMemsetAsync(follows, 0, size_t(view.picked), stream));
  DLENGINE_LAUNCH(link_equal_kernel, blocks_for(view.picked, kThreads), kThreads, 0, stream, view,
                  index.data<int64_t>(), next, follows, fault_of(dy.device()));
  visit_floating(dy.dtype(), "index_add", [&]<typename T>(Type<T>) {
    DLENGINE_LAUNCH(index_add_kernel<T>, blocks_for(view.picked_total(), kThreads), kThreads, 0, stream, view,
                    dy.data<T>(), index.data<int64_t>(), next, follows, dx.data<T>());
  });
}

void CudaBackend::gather(const Tensor& x, int axis, const Tensor& index, Tensor& y) {
  Strides strides = x.strides();
  strides[axis] = 0;
  const Tensor base(x.storage(), x.offset(), y.shape(), strides, x.dtype());
  const StridedWalk<2> walk({&y, &base});
  if (walk.count == 0) return;
  visit_bits(size_of(x.dtype()), [&]<typename Word>(Type<Word>) {
    DLENGINE_LAUNCH(gather_kernel<Word>, blocks_for(walk.count, kThreads), kThreads, 0, enter(x.device()),
                    walk, x.shape()[axis], x.strides()[axis], static_cast<const Word*>(x.raw()),
                    index.data<int64_t>(), static_cast<Word*>(y.raw()), fault_of(x.device()));
  });
}

void CudaBackend::scatter_add(const Tensor& dy, int axis, const Tensor& index, Tensor& dx) {
  if (dx.numel() == 0) return;
  ScatterShape s{dx.rank(), axis, dx.numel(), {}, {}, {}};
  for (int i = 0; i < s.rank; ++i) {
    s.dx_size[i] = dx.shape()[i];
    s.index_size[i] = index.shape()[i];
    s.index_stride[i] = index.strides()[i];
  }
  visit_floating(dy.dtype(), "scatter_add", [&]<typename T>(Type<T>) {
    DLENGINE_LAUNCH(scatter_add_kernel<T>, blocks_for(s.count, kThreads), kThreads, 0, enter(dy.device()), s,
                    dy.data<T>(), index.data<int64_t>(), dx.data<T>(), fault_of(dy.device()));
  });
}

}  // namespace dlengine::cuda

// Picking elements by position.
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
  if (y.numel() == 0) return check_index("index_select", IndexRole::position, index, x.shape()[axis]);
  const AxisView view(x.shape(), axis, index.numel());
  switch (word_bytes(size_t(view.inner) * size_of(x.dtype()), x.raw(), y.raw())) {
    case 1: return launch_index_select<uint8_t>(view, x, index, y);
    case 2: return launch_index_select<uint16_t>(view, x, index, y);
    case 4: return launch_index_select<uint32_t>(view, x, index, y);
    case 8: return launch_index_select<uint64_t>(view, x, index, y);
    default: return launch_index_select<Vec<uint64_t, 2>>(view, x, index, y);
  }
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

}  // namespace dlengine::cuda

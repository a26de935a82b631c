// Sums, means and extremes over any axes. The elements of one result are cut into slices of a fixed length;
// slices are folded in parallel and then with each other, so the order does not depend on the number of
// threads.
#include <algorithm>

#include "dlengine/core/dtype.h"
#include "dlengine/kernels/cpu/backend_cpu.h"
#include "dlengine/kernels/cpu/fold.h"
#include "dlengine/kernels/cpu/map.h"
#include "dlengine/kernels/cpu/scratch.h"
#include "dlengine/kernels/strided.h"

namespace dlengine {

namespace {

constexpr int64_t kColumns = 128;     // results that are folded side by side
constexpr int64_t kEnoughTasks = 64;  // with so many results, slices are not needed
constexpr int64_t kSlice = 16 * kFoldBlock;

/// x with size 1 along the axes that are reduced, or along all others.
StridedWalk<1> part_of(const Tensor& x, const Shape& result, bool reduced) {
  Shape shape = x.shape();
  for (int axis = 0; axis < shape.rank(); ++axis) {
    if ((result[axis] != shape[axis]) != reduced) shape[axis] = 1;
  }
  const Tensor part(x.storage(), x.offset(), shape, x.strides(), x.dtype());
  return StridedWalk<1>({&part});
}

template <int N>
int64_t offset_of(const StridedWalk<N>& walk, int64_t i) {
  int64_t at[N];
  walk.offsets(i, at);
  return at[0];
}

/// One reduction of a tensor of T. The walks are over the results and over the elements of one result.
template <typename Fold, typename T>
class Reduction {
 public:
  using A = Accumulate<T>;

  Reduction(const Tensor& x, const Tensor& y)
      : x_(x.data<T>()), results_(part_of(x, y.shape(), false)), elements_(part_of(x, y.shape(), true)) {
    const int last = results_.rank - 1;
    const bool dense_elements =
        elements_.stride[0][elements_.rank - 1] == 1 && elements_.size[elements_.rank - 1] > 4;
    width_ = results_.stride[0][last] == 1 && !dense_elements ? std::min(results_.size[last], kColumns) : 1;
    blocks_per_row_ = (results_.size[last] + width_ - 1) / width_;
    const int64_t slice = std::max(kFoldBlock, kSlice / width_);
    const int64_t blocks = results_.count / results_.size[last] * blocks_per_row_;
    slices_ = blocks >= kEnoughTasks ? 1 : std::max<int64_t>(1, (elements_.count + slice - 1) / slice);
    tasks_ = blocks * slices_;
    slice_ = slices_ == 1 ? elements_.count : slice;
  }

  /// Launches y[i] = finish(fold of the elements of result i).
  template <typename Finish>
  void launch_into(T* y, Finish finish) const {
    if (slices_ == 1) {
      return fold_all([y, finish](int64_t, int64_t result, A value) { y[result] = T(finish(value)); });
    }
    const Scratch scratch(size_t(slices_ * results_.count) * sizeof(A));
    A* const partial = scratch.as<A>();
    fold_all([partial, count = results_.count](int64_t slice, int64_t result, A value) {
      partial[slice * count + result] = value;
    });
    const auto fold_slices = [partial, y, finish, slices = slices_, count = results_.count](int64_t i) {
      y[i] = T(finish(fold<Fold, A>(0, slices, [=](int64_t slice) { return partial[slice * count + i]; })));
    };
    launch_for(results_.count, std::max<int64_t>(1, kGrain / slices_),
               [fold_slices](int64_t begin, int64_t end) {
                 for (int64_t i = begin; i < end; ++i) fold_slices(i);
               });
  }

 private:
  /// Launches store(slice, result, value) for every slice of every result; in parallel.
  template <typename Store>
  void fold_all(Store store) const {
    const int64_t work = slice_ * width_;  // elements of one task
    launch_for(tasks_, std::max<int64_t>(1, kGrain / std::max<int64_t>(1, work)),
               [*this, store](int64_t begin, int64_t end) {
                 for (int64_t task = begin; task < end; ++task) fold_task(task, store);
               });
  }

  template <typename Store>
  void fold_task(int64_t task, const Store& store) const {
    const int64_t slice = task % slices_, block = task / slices_;
    const int64_t row_length = results_.size[results_.rank - 1];
    const int64_t column = block % blocks_per_row_ * width_;
    const int64_t result = block / blocks_per_row_ * row_length + column;
    const T* x = x_ + offset_of(results_, result);
    const int64_t begin = slice * slice_, end = std::min(begin + slice_, elements_.count);
    if (width_ == 1) return store(slice, result, fold_row(x, begin, end));
    A values[kColumns];
    const int64_t columns = std::min(width_, row_length - column);
    fold_columns(x, begin, end, columns, values);
    for (int64_t i = 0; i < columns; ++i) store(slice, result + i, values[i]);
  }

  /// Elements begin .. end - 1 of the result whose first element is at x.
  A fold_row(const T* x, int64_t begin, int64_t end) const {
    if (end - begin > kFoldBlock) {
      const int64_t middle = fold_middle(begin, end);
      const A first = fold_row(x, begin, middle);
      return Fold::combine(first, fold_row(x, middle, end));
    }
    const int64_t inner = elements_.size[elements_.rank - 1], step = elements_.stride[0][elements_.rank - 1];
    A value = Fold::template identity<A>();
    while (begin < end) {
      const T* run = x + offset_of(elements_, begin);
      const int64_t n = std::min(end - begin, inner - begin % inner);
      value = Fold::combine(
          value, step == 1 ? fold_block<Fold, A>(0, n, [=](int64_t i) { return A(run[i]); })
                           : fold_block<Fold, A>(0, n, [=](int64_t i) { return A(run[i * step]); }));
      begin += n;
    }
    return value;
  }

  /// The same for neighbouring results at once.
  void fold_columns(const T* x, int64_t begin, int64_t end, int64_t columns, A* values) const {
    constexpr int64_t kRows = 64;
    std::fill_n(values, columns, Fold::template identity<A>());
    if (end - begin > kRows) {
      const int64_t middle = begin + (end - begin) / 2;
      A other[kColumns];
      fold_columns(x, begin, middle, columns, values);
      fold_columns(x, middle, end, columns, other);
      for (int64_t i = 0; i < columns; ++i) values[i] = Fold::combine(values[i], other[i]);
      return;
    }
    for (; begin < end; ++begin) {
      const T* row = x + offset_of(elements_, begin);
      for (int64_t i = 0; i < columns; ++i) values[i] = Fold::combine(values[i], A(row[i]));
    }
  }

  const T* x_;
  StridedWalk<1> results_, elements_;
  int64_t width_, blocks_per_row_, slice_, slices_, tasks_;
};

template <typename T>
void reduce_as(ReduceOp op, const Tensor& x, Tensor& y) {
  using A = Accumulate<T>;
  const auto same = [](A value) { return value; };
  switch (op) {
    case ReduceOp::sum: return Reduction<SumFold, T>(x, y).launch_into(y.data<T>(), same);
    case ReduceOp::max: return Reduction<MaxFold, T>(x, y).launch_into(y.data<T>(), same);
    case ReduceOp::min: return Reduction<MinFold, T>(x, y).launch_into(y.data<T>(), same);
    case ReduceOp::mean: {
      const int64_t share = x.numel() / y.numel();
      const A count = A(share);
      return Reduction<SumFold, T>(x, y).launch_into(y.data<T>(), [=](A value) { return A(value / count); });
    }
  }
}

}  // namespace

void CpuBackend::reduce(ReduceOp op, const Tensor& x, Tensor& y) {
  if (y.numel() == 0) return;
  visit_numeric(x.dtype(), "reduce", [&]<typename T>(Type<T>) { reduce_as<T>(op, x, y); });
}

void CpuBackend::arg_reduce(bool largest, const Tensor& x, int axis, Tensor& y) {
  if (y.numel() == 0) return;
  const StridedWalk<1> results = part_of(x, y.shape(), false);
  const int64_t n = x.shape()[axis], step = x.strides()[axis];
  int64_t* out = y.data<int64_t>();
  visit_numeric(x.dtype(), "arg_reduce", [&]<typename T>(Type<T>) {
    const T* in = x.data<T>();
    launch_for(results.count, std::max<int64_t>(1, kGrain / n), [=](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const T* start = in + offset_of(results, i);
        out[i] = largest ? arg_extreme<Greater>(start, n, step) : arg_extreme<Less>(start, n, step);
      }
    });
  });
}

}  // namespace dlengine

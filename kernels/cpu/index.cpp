// Picking elements by index and adding them back. Additions to one element happen in the order of the index.
#include <algorithm>
#include <cstring>

#include "dlengine/core/check.h"
#include "dlengine/kernels/cpu/backend_cpu.h"
#include "dlengine/kernels/cpu/map.h"
#include "dlengine/kernels/cpu/scratch.h"

namespace dlengine {

namespace {

/// A contiguous tensor seen as [outer, axis, inner].
struct AxisView {
  int64_t outer = 1, size = 1, inner = 1;
  AxisView(const Shape& shape, int axis) : size(shape[axis]) {
    for (int i = 0; i < axis; ++i) outer *= shape[i];
    for (int i = axis + 1; i < shape.rank(); ++i) inner *= shape[i];
  }
};

[[noreturn]] void fail_index(const char* op, IndexRole role, int64_t index, int64_t at, int64_t size) {
  if (role == IndexRole::label) {
    fail<ValueError>("{}: label {} of row {} is outside of the classes 0 .. {}", op, index, at, size - 1);
  }
  fail<ValueError>("{}: index {} at {} is outside of 0 .. {}", op, index, at, size - 1);
}

void check_range(const char* op, const Tensor& index, int64_t size, IndexRole role = IndexRole::position) {
  launch([op, position = index.data<int64_t>(), count = index.numel(), size, role] {
    for (int64_t i = 0; i < count; ++i) {
      if (position[i] < 0 || position[i] >= size) fail_index(op, role, position[i], i, size);
    }
  });
}

/// Adds into a f32 copy where elements have 16 bits: add(accumulator), which is zero at first.
template <typename T, typename F>
void accumulate_into(Tensor& dx, const F& add) {
  if constexpr (std::is_same_v<T, Accumulate<T>>) {
    cpu_backend().fill(dx, 0);
    add(dx.data<T>());
  } else {
    Tensor wide = wide_like(dx);
    cpu_backend().fill(wide, 0);
    add(wide.data<float>());
    cpu_backend().copy(wide, dx);
  }
}

/// Where the lines of gather() and scatter_add() begin: `picked` has the shape of the index, `all` that of
/// the indexed tensor, and a line runs along the axis.
struct Lines {
  Shape shape;  // of the index, with size 1 along the axis
  Strides picked, all;
  int64_t count, length, picked_step, all_step;

  Lines(const Tensor& index, const Shape& indexed, int axis)
      : shape(index.shape()), picked(contiguous_strides(index.shape())), all(contiguous_strides(indexed)) {
    length = shape[axis];
    shape[axis] = 1;
    count = shape.product();
    picked_step = picked[axis];
    all_step = all[axis];
  }
  int64_t offset(int64_t line, const Strides& strides) const {
    int64_t at = 0;
    for (int axis = shape.rank() - 1; axis >= 0; --axis) {
      at += line % shape[axis] * strides[axis];
      line /= shape[axis];
    }
    return at;
  }
  /// Launches f(start among the picked, start among all) for every line; in parallel.
  template <typename F>
  void launch_each(F f) const {
    if (length == 0) return;
    launch_for(count, std::max<int64_t>(1, kGrain / length), [*this, f](int64_t begin, int64_t end) {
      for (int64_t line = begin; line < end; ++line) f(offset(line, picked), offset(line, all));
    });
  }
};

}  // namespace

void CpuBackend::check_index(const char* op, IndexRole role, const Tensor& index, int64_t size) {
  check_range(op, index, size, role);
}

void CpuBackend::index_select(const Tensor& x, int axis, const Tensor& index, Tensor& y) {
  const AxisView view(x.shape(), axis);
  check_range("index_select", index, view.size);
  if (y.numel() == 0) return;
  const int64_t picks = index.numel(), *position = index.data<int64_t>();
  const int64_t bytes = view.inner * int64_t(size_of(x.dtype()));
  const auto* from = static_cast<const std::byte*>(x.raw());
  auto* to = static_cast<std::byte*>(y.raw());
  launch_for(view.outer * picks, std::max<int64_t>(1, kGrain / bytes), [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t row = i / picks * view.size + position[i % picks];
      std::memcpy(to + i * bytes, from + row * bytes, size_t(bytes));
    }
  });
}

void CpuBackend::index_add(const Tensor& dy, int axis, const Tensor& index, Tensor& dx) {
  const AxisView view(dx.shape(), axis);
  check_range("index_add", index, view.size);
  const int64_t picks = index.numel(), *position = index.data<int64_t>();
  visit_floating(dx.dtype(), "index_add", [&]<typename T>(Type<T>) {
    using A = Accumulate<T>;
    const T* from = dy.data<T>();
    accumulate_into<T>(dx, [&](A* to) {
      // Threads share the columns, so each element is added to by one thread alone.
      launch_for(view.inner, std::max<int64_t>(1, kGrain / std::max<int64_t>(1, view.outer * picks)),
                 [=](int64_t begin, int64_t end) {
                   for (int64_t i = 0; i < view.outer * picks; ++i) {
                     const T* row = from + i * view.inner;
                     A* sum = to + (i / picks * view.size + position[i % picks]) * view.inner;
                     for (int64_t j = begin; j < end; ++j) sum[j] += A(row[j]);
                   }
                 });
    });
  });
}

void CpuBackend::gather(const Tensor& x, int axis, const Tensor& index, Tensor& y) {
  check_range("gather", index, x.shape()[axis]);
  const Lines lines(index, x.shape(), axis);
  visit_bits(x.dtype(), [&]<typename T>(Type<T>) {
    const T* from = static_cast<const T*>(x.raw());
    T* to = static_cast<T*>(y.raw());
    const int64_t* position = index.data<int64_t>();
    lines.launch_each([=](int64_t picked, int64_t all) {
      for (int64_t i = 0; i < lines.length; ++i) {
        const int64_t at = picked + i * lines.picked_step;
        to[at] = from[all + position[at] * lines.all_step];
      }
    });
  });
}

void CpuBackend::scatter_add(const Tensor& dy, int axis, const Tensor& index, Tensor& dx) {
  check_range("scatter_add", index, dx.shape()[axis]);
  const Lines lines(index, dx.shape(), axis);
  visit_floating(dx.dtype(), "scatter_add", [&]<typename T>(Type<T>) {
    using A = Accumulate<T>;
    const T* from = dy.data<T>();
    const int64_t* position = index.data<int64_t>();
    accumulate_into<T>(dx, [&](A* to) {
      lines.launch_each([=](int64_t picked, int64_t all) {
        for (int64_t i = 0; i < lines.length; ++i) {
          const int64_t at = picked + i * lines.picked_step;
          to[all + position[at] * lines.all_step] += A(from[at]);
        }
      });
    });
  });
}

}  // namespace dlengine

// Copies, conversions and fills.
#include <algorithm>
#include <cstring>
#include <type_traits>

#include "dlengine/core/convert.h"
#include "dlengine/kernels/cpu/backend_cpu.h"
#include "dlengine/kernels/cpu/map.h"

namespace dlengine {

namespace {

using CopyWalk = StridedWalk<2>;  // of y and x, in this order

/// The axis along which x is dense, where that is another one than y's, so that plain rows would read x with
/// long steps; else -1.
int transposed_axis(const CopyWalk& walk) {
  const int last = walk.rank - 1;
  if (walk.stride[0][last] != 1 || walk.stride[1][last] <= 1) return -1;
  for (int axis = 0; axis < last; ++axis) {
    if (walk.stride[1][axis] == 1) return axis;
  }
  return -1;
}

/// Copies a rows x columns block: y[i * y_step + j] = x[i + j * x_step].
template <typename T>
void transpose_block(const T* x, int64_t x_step, T* y, int64_t y_step, int64_t rows, int64_t columns) {
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = 0; j < columns; ++j) y[i * y_step + j] = x[i + j * x_step];
  }
}

/// In square tiles, so that each cache line of x is read once. `axis` is the walk's transposed_axis().
template <typename T>
void copy_transposed(const CopyWalk& walk, int axis, const T* x, T* y) {
  constexpr int64_t kTile = 32;
  const int last = walk.rank - 1;
  const int64_t rows = walk.size[axis], columns = walk.size[last];
  CopyWalk outer = walk;  // all but the two axes
  outer.size[axis] = outer.size[last] = 1;
  const int64_t bands = (rows + kTile - 1) / kTile;
  const int64_t count = walk.count / (rows * columns) * bands;
  launch_for(count, std::max<int64_t>(1, kGrain / (kTile * columns)), [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      int64_t at[2];
      outer.offsets(i / bands, at);
      const int64_t row = i % bands * kTile;
      const int64_t height = std::min(kTile, rows - row);
      for (int64_t column = 0; column < columns; column += kTile) {
        transpose_block(x + at[1] + row + column * walk.stride[1][last], walk.stride[1][last],
                        y + at[0] + row * walk.stride[0][axis] + column, walk.stride[0][axis], height,
                        std::min(kTile, columns - column));
      }
    }
  });
}

void copy_bits(const Tensor& x, Tensor& y) {
  const CopyWalk walk({&y, &x}, WalkOrder::memory);
  if (walk.count == 0) return;
  visit_bits(x.dtype(), [&]<typename T>(Type<T>) {
    const T* from = static_cast<const T*>(x.raw());
    T* to = static_cast<T*>(y.raw());
    if (const int axis = transposed_axis(walk); axis >= 0) return copy_transposed(walk, axis, from, to);
    map<T, T>([](T v) { return v; }, y, x);
  });
}

}  // namespace

void CpuBackend::copy(const Tensor& x, Tensor& y) {
  if (x.dtype() == y.dtype()) return copy_bits(x, y);
  visit(x.dtype(), [&]<typename From>(Type<From>) {
    visit(y.dtype(), [&]<typename To>(Type<To>) {
      if constexpr (!std::is_same_v<From, To>) map<To, From>([](From v) { return convert<To>(v); }, y, x);
    });
  });
}

void CpuBackend::fill(Tensor& y, double value) {
  visit(y.dtype(), [&]<typename T>(Type<T>) { map<T>([v = convert<T>(value)] { return v; }, y); });
}

}  // namespace dlengine

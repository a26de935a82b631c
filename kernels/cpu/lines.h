// The lines of a tensor along one axis, for kernels that go through each of them.
#pragma once

#include <algorithm>
#include <cstdint>

#include "dlengine/core/tensor.h"
#include "dlengine/kernels/cpu/map.h"
#include "dlengine/kernels/strided.h"

namespace dlengine {

/// x with size 1 along the axis: where its lines begin.
inline Tensor line_starts(const Tensor& x, int axis) {
  Shape shape = x.shape();
  shape[axis] = 1;
  return {x.storage(), x.offset(), shape, x.strides(), x.dtype()};
}

/// Launches run(to, from), which are the offsets of a line's first elements in y and x, for all lines along
/// the axis; in parallel. y and x have one shape.
template <typename Run>
void launch_lines(const Tensor& y, const Tensor& x, int axis, Run run) {
  if (x.numel() == 0) return;
  const Tensor y_starts = line_starts(y, axis), x_starts = line_starts(x, axis);
  const StridedWalk<2> starts({&y_starts, &x_starts});
  launch_for(starts.count, std::max<int64_t>(1, kGrain / x.shape()[axis]),
             [starts, run](int64_t begin, int64_t end) {
               for (int64_t line = begin; line < end; ++line) {
                 int64_t at[2];
                 starts.offsets(line, at);
                 run(at[0], at[1]);
               }
             });
}

}  // namespace dlengine

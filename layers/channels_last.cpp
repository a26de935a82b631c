// Input data with the channels behind the pixels.
#include "dlengine/layers/channels_last.h"

#include <vector>

#include "dlengine/core/check.h"

namespace dlengine {
namespace {

/// x with axis `from` moved to `to`.
Tensor with_axis_moved(const Tensor& x, int from, int to) {
  std::vector<int> axes;
  for (int axis = 0; axis < x.rank(); ++axis) {
    if (axis != from) axes.push_back(axis);
  }
  axes.insert(axes.begin() + to, from);
  return x.permute(axes);
}

}  // namespace

Tensor from_channels_last(const Tensor& x) {
  check<ShapeError>(x.rank() >= 3, "from_channels_last: need x [N, ..., C] of 3 axes or more, got {}",
                    x.shape());
  return with_axis_moved(x, x.rank() - 1, 1);
}

Tensor to_channels_last(const Tensor& x) {
  check<ShapeError>(x.rank() >= 3, "to_channels_last: need x [N, C, ...] of 3 axes or more, got {}",
                    x.shape());
  return with_axis_moved(x, 1, x.rank() - 1);
}

}  // namespace dlengine

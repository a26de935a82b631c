// Builds strided views by hand, without the view operations that are tested with them.
#include "tests/support/layout.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace dlengine::test {
namespace {

struct Placement {
  int64_t offset = 0;
  Strides strides;
};

Placement place(const Shape& shape, Layout layout) {
  Placement placement{0, contiguous_strides(shape)};
  switch (layout) {
    case Layout::contiguous: break;
    case Layout::shifted: placement.offset = 5; break;
    case Layout::transposed: {
      int64_t stride = 1;
      for (int axis = 0; axis < shape.rank(); ++axis) {
        placement.strides[axis] = stride;
        stride *= std::max<int64_t>(shape[axis], 1);
      }
      break;
    }
    case Layout::stepped: {
      placement.offset = 3;
      int64_t stride = 2;
      for (int axis = shape.rank() - 1; axis >= 0; --axis) {
        placement.strides[axis] = stride;
        stride *= shape[axis] + 1;
      }
      break;
    }
    case Layout::broadcast:
      if (shape.rank() > 0) placement.strides[0] = 0;
      break;
    case Layout::channels_last: placement = {5, channels_last_strides(shape)}; break;
  }
  return placement;
}

int64_t position(const Placement& placement, const Dims& index) {
  int64_t sum = placement.offset;
  for (int axis = 0; axis < index.rank(); ++axis) sum += index[axis] * placement.strides[axis];
  return sum;
}

bool same_bits(double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); }

}  // namespace

std::string_view name(Layout layout) {
  switch (layout) {
    case Layout::contiguous: return "contiguous";
    case Layout::shifted: return "shifted";
    case Layout::transposed: return "transposed";
    case Layout::stepped: return "stepped";
    case Layout::broadcast: return "broadcast";
    case Layout::channels_last: return "channels_last";
  }
  return "?";
}

GuardedTensor::GuardedTensor(const NdArray& x, DType dtype, Device device, Layout layout) {
  constexpr int64_t kGuard = 17;  // elements after the last one: more than a vector register holds
  const Placement placement = place(x.shape, layout);
  int64_t last = placement.offset;
  for_each_index(x.shape, [&](const Dims& index) { last = std::max(last, position(placement, index)); });

  // NaN shows in results that read it; 77 shows that it was overwritten, also by arithmetic.
  NdArray base({last + 1 + kGuard}, 77);
  for (int64_t i = 0; is_floating(dtype) && i <= last + kGuard; i += 2) {
    base[i] = std::numeric_limits<double>::quiet_NaN();
  }
  inside_.resize(base.values.size());
  for_each_index(x.shape, [&](const Dims& index) {
    const auto at = static_cast<size_t>(position(placement, index));
    base.values[at] = x.at(index);
    inside_[at] = true;
  });
  base_ = to_tensor(base, dtype, device);
  view_ = Tensor(base_.storage(), placement.offset, x.shape, placement.strides, dtype);
  before_ = base_.to_vector<double>();
}

bool GuardedTensor::untouched() const {
  const std::vector<double> now = base_.to_vector<double>();
  return std::equal(now.begin(), now.end(), before_.begin(), same_bits);
}

bool GuardedTensor::surroundings_untouched() const {
  const std::vector<double> now = base_.to_vector<double>();
  for (size_t i = 0; i < now.size(); ++i) {
    if (!inside_[i] && !same_bits(now[i], before_[i])) return false;
  }
  return true;
}

NdArray with_layout(const NdArray& x, Layout layout) {
  if (layout != Layout::broadcast || x.shape.rank() == 0 || x.numel() == 0) return x;
  NdArray y = x;
  const int64_t row = x.numel() / x.shape[0];
  for (int64_t i = row; i < x.numel(); ++i) y[i] = y[i - row];
  return y;
}

}  // namespace dlengine::test

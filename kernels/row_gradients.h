// How much each row's loss counts, once for every device.
#pragma once

#include <cstdint>

#include "dlengine/core/host_device.h"

namespace dlengine {

/// The gradient of each row's loss, as Backend::cross_entropy_grad() is given it.
template <typename A>
struct RowGradients {
  const A* values;
  int64_t step;  // 1: one for each row; 0: one for all
  A scale;
  DLENGINE_HOST_DEVICE A operator[](int64_t row) const { return values[row * step] * scale; }
};

}  // namespace dlengine

// Mean and spread of the colours of a data set.
#pragma once

#include <vector>

#include "dlengine/core/tensor.h"

namespace dlengine {

/// Of each channel over all images and pixels; pixels of u8 count as 0 .. 1, as a model sees them.
struct ChannelStatistics {
  std::vector<double> mean;
  std::vector<double> deviation;  // of the population
};

/// For images x [N, C, ...] of u8 or a floating type, on any device. Sums in f64. Throws ShapeError,
/// DTypeError, ValueError for no pixels. Of the training images alone, as Normalize (layers/normalize.h)
/// takes it.
ChannelStatistics channel_statistics(const Tensor& x);

}  // namespace dlengine

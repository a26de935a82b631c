// Internal: which elements of which planes the taps of a direct convolution read.
#pragma once

#include <vector>

#include "dlengine/kernels/cpu/conv.h"
#include "dlengine/kernels/cpu/direct_conv_kernels.h"

namespace dlengine::direct {

/// Where one tap of one row (or column) of the filters reads, relative to the output's row.
struct AxisTap {
  int64_t index;  // in the filters
  int64_t phase, shift;
};

/// Rows (or columns) of a convolution: outputs in parts, each with its taps.
struct Axis {
  int64_t in = 0;  // rows of an image
  std::vector<std::vector<AxisTap>> parts = {};
  int64_t step = 1, phases = 1;  // of the planes
  int64_t before = 0;            // zeros
  int64_t reach = 0;             // rows of a plane that an output reads beyond its own
  int64_t outputs = 0;           // of the largest part
};

/// The rows and the columns.
struct Axes {
  Axis rows, cols;
};

/// y from x.
Axes forward_axes(const ConvSizes& sizes);
/// dx from dy. Outputs whose row and column have the same remainders modulo the stride have the same taps:
/// they are a part.
Axes gradient_axes(const ConvSizes& sizes);

/// Planes for `band` rows of each part; slack: floats behind each plane.
Planes make_planes(const Axes& axes, int64_t channels, int64_t band, int64_t slack);

/// Where a tap is in the planes, relative to an output's place.
int64_t tap_offset(const Planes& planes, int64_t channel, const AxisTap& row, const AxisTap& col);

}  // namespace dlengine::direct

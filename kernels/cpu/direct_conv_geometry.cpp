// Which elements of which planes the taps of a direct convolution read.
#include "dlengine/kernels/cpu/direct_conv_geometry.h"

#include <algorithm>

#include "dlengine/kernels/cpu/tasks.h"

namespace dlengine::direct {

namespace {

struct AxisSizes {
  int64_t in, taps, out, stride, padding, dilation;
};

Axis forward_axis(const AxisSizes& z) {
  const int64_t before = ceil_div(z.padding, z.stride) * z.stride;
  Axis axis{.in = z.in, .parts = {{}}, .step = z.stride, .before = before, .outputs = z.out};
  for (int64_t r = 0; r < z.taps; ++r) {
    const int64_t at = before - z.padding + r * z.dilation, phase = at % z.stride, shift = at / z.stride;
    axis.parts[0].push_back({r, phase, shift});
    axis.phases = std::max(axis.phases, phase + 1);
    axis.reach = std::max(axis.reach, shift);
  }
  return axis;
}

/// Row i of part a is input row i * stride + a. Its tap r reads row i + (a + padding - r * dilation) / stride
/// of dy, if that is a whole number.
Axis gradient_axis(const AxisSizes& z) {
  Axis axis{.in = z.out,
            .parts = std::vector<std::vector<AxisTap>>(size_t(z.stride)),
            .outputs = ceil_div(z.in, z.stride)};
  int64_t least = 0, most = 0;
  for (int64_t a = 0; a < z.stride; ++a) {
    for (int64_t r = 0; r < z.taps; ++r) {
      const int64_t at = a + z.padding - r * z.dilation;
      if (at % z.stride != 0) continue;
      axis.parts[size_t(a)].push_back({r, 0, at / z.stride});
      least = std::min(least, at / z.stride);
      most = std::max(most, at / z.stride);
    }
  }
  for (auto& part : axis.parts) {
    for (AxisTap& tap : part) tap.shift -= least;
  }
  axis.before = -least;
  axis.reach = most - least;
  return axis;
}

AxisSizes row_sizes(const ConvSizes& z) {
  return {z.h, z.r, z.p, z.params.stride.h, z.params.padding.h, z.params.dilation.h};
}
AxisSizes col_sizes(const ConvSizes& z) {
  return {z.w, z.s, z.q, z.params.stride.w, z.params.padding.w, z.params.dilation.w};
}

}  // namespace

Axes forward_axes(const ConvSizes& sizes) {
  return {forward_axis(row_sizes(sizes)), forward_axis(col_sizes(sizes))};
}

Axes gradient_axes(const ConvSizes& sizes) {
  return {gradient_axis(row_sizes(sizes)), gradient_axis(col_sizes(sizes))};
}

Planes make_planes(const Axes& axes, int64_t channels, int64_t band, int64_t slack) {
  const auto& [rows, cols] = axes;
  Planes planes{};
  planes.channels = channels;
  planes.h = rows.in;
  planes.w = cols.in;
  planes.step_h = rows.step;
  planes.step_w = cols.step;
  planes.phases_h = rows.phases;
  planes.phases_w = cols.phases;
  planes.top = rows.before;
  planes.left = cols.before;
  planes.rows = band + rows.reach;
  planes.pitch = cols.outputs + cols.reach;
  planes.channel_step = planes.rows * planes.pitch + slack;
  planes.col_step = channels * planes.channel_step;
  planes.row_step = planes.phases_w * planes.col_step;
  planes.floats = planes.phases_h * planes.row_step;
  return planes;
}

int64_t tap_offset(const Planes& planes, int64_t channel, const AxisTap& row, const AxisTap& col) {
  return channel * planes.channel_step + row.phase * planes.row_step + col.phase * planes.col_step +
         row.shift * planes.pitch + col.shift;
}

}  // namespace dlengine::direct

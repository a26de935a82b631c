// Resizing of images: one axis after the other, each by picking two pixels and mixing them.
#include "dlengine/core/ops/interpolate.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "dlengine/core/check.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/ops/common.h"
#include "dlengine/core/ops/elementwise.h"
#include "dlengine/core/ops/index.h"
#include "dlengine/core/shape_rules.h"

namespace dlengine {

namespace {

/// 16-bit pixels are mixed in f32.
DType mixing_type(DType dtype) { return size_of(dtype) == 2 ? DType::f32 : dtype; }

/// Sizes of one axis before and after.
struct Axis {
  int64_t from, to;
};

/// Where pixel i of the result lies among the pixels of x.
double place_of(int64_t i, const Axis& axis, const InterpolateParams& params) {
  const auto at = static_cast<double>(i), from = static_cast<double>(axis.from),
             to = static_cast<double>(axis.to);
  if (params.align_corners) return axis.to > 1 ? at * (from - 1) / (to - 1) : 0;
  const double factor = params.scale_factor;
  const auto scaled = [&](double place) { return factor > 0 ? place / factor : place * from / to; };
  return params.mode == InterpolateMode::nearest ? scaled(at) : std::max(0.0, scaled(at + 0.5) - 0.5);
}

InterpolateTable table_of(const Axis& axis, const Tensor& x, const InterpolateParams& params) {
  std::vector<int64_t> below, above;
  std::vector<double> share, other;
  for (int64_t i = 0; i < axis.to; ++i) {
    const double place = place_of(i, axis, params), whole = std::floor(place);
    below.push_back(std::min(static_cast<int64_t>(whole), axis.from - 1));
    above.push_back(std::min(below.back() + 1, axis.from - 1));
    share.push_back(place - whole);
    other.push_back(1 - share.back());
  }
  const auto positions = [&](const std::vector<int64_t>& of) {
    return from_vector(of, {axis.to}, x.device());
  };
  if (params.mode == InterpolateMode::nearest) {
    return {.below = positions(below), .above = {}, .share = {}, .other = {}};
  }
  const auto shares = [&](const std::vector<double>& of) {
    return from_vector(of, {axis.to}).to(mixing_type(x.dtype())).to(x.device());
  };
  return {positions(below), positions(above), shares(share), shares(other)};
}

/// The axis of x resized; the shares lie along it.
Tensor resized(const Tensor& x, int axis, const InterpolateTable& table) {
  const Tensor below = index_select(x, axis, table.below);
  if (!table.above.defined()) return below;
  Shape along = Shape::filled(x.rank(), 1);
  along[axis] = table.share.dim(0);
  return below * table.other.reshape(along) + index_select(x, axis, table.above) * table.share.reshape(along);
}

}  // namespace

InterpolateTables interpolate_tables(const Tensor& x, const InterpolateParams& params) {
  check_operands("interpolate", {&x});
  check_one_floating_type("interpolate", {&x});
  const Shape y = interpolate_shape(x.shape(), params);
  return {.rows = table_of({x.dim(2), y[2]}, x, params), .columns = table_of({x.dim(3), y[3]}, x, params)};
}

Tensor interpolate(const Tensor& x, const InterpolateTables& tables) {
  const Tensor wide = tables.rows.above.defined() ? x.to(mixing_type(x.dtype())) : x;
  return resized(resized(wide, 2, tables.rows), 3, tables.columns).to(x.dtype());
}

Tensor interpolate(const Tensor& x, const InterpolateParams& params) {
  return interpolate(x, interpolate_tables(x, params));
}

}  // namespace dlengine

// Elements that a mask of bool names.
#include "dlengine/core/ops/masked.h"

#include <cstdint>
#include <vector>

#include "dlengine/core/check.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/ops/common.h"
#include "dlengine/core/ops/elementwise.h"
#include "dlengine/core/ops/index.h"

namespace dlengine {

namespace {

Shape checked_shape(const char* op, const Tensor& x, const Tensor& mask) {
  check_operands(op, {&x, &mask});
  if (mask.dtype() != DType::boolean) throw_unsupported_dtype(op, mask.dtype(), "a mask of bool");
  return broadcast_shapes(op, x.shape(), mask.shape());
}

/// Where in row-major order x is not 0.
std::vector<int64_t> places(const Tensor& x) {
  const std::vector<bool> truth = x.detach().to(DType::boolean).to_vector<bool>();
  std::vector<int64_t> found;
  for (size_t i = 0; i < truth.size(); ++i) {
    if (truth[i]) found.push_back(static_cast<int64_t>(i));
  }
  return found;
}

}  // namespace

Tensor masked_fill(const Tensor& x, const Tensor& mask, double value) {
  check<ShapeError>(checked_shape("masked_fill", x, mask) == x.shape(),
                    "masked_fill: the mask {} does not broadcast to {}", mask.shape(), x.shape());
  return where(mask, value, x);
}

Tensor masked_select(const Tensor& x, const Tensor& mask) {
  const Shape shape = checked_shape("masked_select", x, mask);
  const std::vector<int64_t> found = places(mask.expand(shape));
  const Tensor index = from_vector(found, {static_cast<int64_t>(found.size())}, x.device());
  return index_select(x.expand(shape).reshape({shape.product()}), 0, index);
}

Tensor nonzero(const Tensor& x) {
  check_operands("nonzero", {&x});
  const std::vector<int64_t> found = places(x);
  const Strides steps = contiguous_strides(x.shape());
  std::vector<int64_t> positions;
  for (const int64_t place : found) {
    for (int axis = 0; axis < x.rank(); ++axis) positions.push_back(place / steps[axis] % x.dim(axis));
  }
  return from_vector(positions, {static_cast<int64_t>(found.size()), x.rank()}, x.device());
}

}  // namespace dlengine

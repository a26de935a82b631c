// Normalisation of each sample by itself: batch norm of a view in which what is normalised is a channel.
#include "dlengine/core/check.h"
#include "dlengine/core/ops/common.h"
#include "dlengine/core/ops/elementwise.h"
#include "dlengine/core/ops/norm.h"

namespace dlengine {

namespace {

/// x as `rows` rows of which each gets mean 0 and variance 1, in x's shape.
Tensor standardized(const Tensor& x, int64_t rows, double eps) {
  if (x.numel() == 0) return x.clone();
  const int64_t length = x.numel() / rows;
  if (length == 1) return x - x;
  return batch_norm(x.reshape({1, rows, length}), {}, {}, {}, {}, {.eps = eps}).reshape(x.shape());
}

/// y * weight + bias, both read as `shape`, either of which may be undefined.
Tensor scaled(const Tensor& y, const Tensor& weight, const Tensor& bias, const Shape& shape) {
  const Tensor scaled = weight.defined() ? y * weight.reshape(shape) : y;
  return bias.defined() ? scaled + bias.reshape(shape) : scaled;
}

void check_norm(const char* op, const Tensor& x, const Tensor& weight, const Tensor& bias, double eps) {
  const Tensor &some_weight = weight.defined() ? weight : x, &some_bias = bias.defined() ? bias : x;
  check_operands(op, {&x, &some_weight, &some_bias});
  check_one_floating_type(op, {&x, &some_weight, &some_bias});
  check<ValueError>(eps > 0, "{}: need eps > 0, got {}", op, eps);
}

void check_shape(const char* op, const char* what, const Tensor& given, const Shape& needed,
                 const Tensor& x) {
  if (!given.defined()) return;
  check<ShapeError>(given.shape() == needed, "{}: need {} {} for x {}, got {}", op, what, needed, x.shape(),
                    given.shape());
}

}  // namespace

Tensor layer_norm(const Tensor& x, const Shape& normalized, const Tensor& weight, const Tensor& bias,
                  double eps) {
  check_norm("layer_norm", x, weight, bias, eps);
  bool fits = !normalized.empty() && x.rank() >= normalized.rank();
  int64_t rows = 1;
  for (int axis = 0; fits && axis < x.rank(); ++axis) {
    const int own = axis - (x.rank() - normalized.rank());
    if (own < 0) rows *= x.dim(axis);
    fits = own < 0 || normalized[own] == x.dim(axis);
  }
  check<ShapeError>(fits, "layer_norm: the last axes of x must be {}, got x {}", normalized, x.shape());
  check_shape("layer_norm", "weight", weight, normalized, x);
  check_shape("layer_norm", "bias", bias, normalized, x);
  return scaled(standardized(x, rows, eps), weight, bias, normalized);
}

Tensor group_norm(const Tensor& x, int64_t groups, const Tensor& weight, const Tensor& bias, double eps) {
  check_norm("group_norm", x, weight, bias, eps);
  check<ShapeError>(x.rank() >= 2, "group_norm: need x [N, C, ...], got {}", x.shape());
  const int64_t channels = x.dim(1), rows = x.dim(0) * groups;
  check<ValueError>(groups > 0 && channels % groups == 0,
                    "group_norm: need groups that divide the channels of x {}, got {}", x.shape(), groups);
  check_shape("group_norm", "weight", weight, {channels}, x);
  check_shape("group_norm", "bias", bias, {channels}, x);
  check<ValueError>(x.numel() == 0 || x.numel() > rows,
                    "group_norm: a group of one value has no variance, x is {} with {} groups", x.shape(),
                    groups);
  Shape along = Shape::filled(x.rank(), 1);
  along[1] = channels;
  return scaled(standardized(x, rows, eps), weight, bias, along);
}

}  // namespace dlengine

// Products over any axes, all of them one matrix product.
#include <algorithm>
#include <numeric>
#include <vector>

#include "dlengine/core/check.h"
#include "dlengine/core/ops/common.h"
#include "dlengine/core/ops/elementwise.h"
#include "dlengine/core/ops/matmul.h"

namespace dlengine {

namespace {

/// The axes of a tensor that a product sums over, and the others.
struct Axes {
  std::vector<int> summed, kept;
  int64_t summed_count = 1, kept_count = 1;
  Shape kept_sizes;

  Axes(const char* op, const Shape& shape, const std::vector<int>& given) {
    for (const int axis : given) {
      const int one = normalize_axis(op, axis, shape.rank());
      check<ShapeError>(!contains(one), "{}: axis {} is named twice", op, axis);
      summed.push_back(one);
      summed_count *= shape[one];
    }
    for (int axis = 0; axis < shape.rank(); ++axis) {
      if (contains(axis)) continue;
      kept.push_back(axis);
      kept_sizes.push_back(shape[axis]);
      kept_count *= shape[axis];
    }
  }

 private:
  bool contains(int axis) const { return std::find(summed.begin(), summed.end(), axis) != summed.end(); }
};

std::vector<int> joined(std::vector<int> a, const std::vector<int>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

/// tensordot(), and what is built upon it.
Tensor product(const char* op, const Tensor& a, const Tensor& b, const std::vector<int>& axes_a,
               const std::vector<int>& axes_b) {
  check_operands(op, {&a, &b});
  if (is_floating(a.dtype()) || is_floating(b.dtype())) check_one_floating_type(op, {&a, &b});
  for (const Tensor* x : {&a, &b}) {
    if (x->dtype() == DType::boolean) throw_unsupported_dtype(op, x->dtype(), "a numeric type");
  }
  check<ShapeError>(axes_a.size() == axes_b.size(), "{}: {} axes of a and {} of b", op, axes_a.size(),
                    axes_b.size());
  const Axes of_a(op, a.shape(), axes_a), of_b(op, b.shape(), axes_b);
  for (size_t i = 0; i < axes_a.size(); ++i) {
    check<ShapeError>(a.dim(of_a.summed[i]) == b.dim(of_b.summed[i]),
                      "{}: axis {} of a {} and axis {} of b {} differ", op, axes_a[i], a.shape(), axes_b[i],
                      b.shape());
  }
  const Tensor rows = a.permute(joined(of_a.kept, of_a.summed)).reshape({of_a.kept_count, of_a.summed_count});
  const Tensor columns =
      b.permute(joined(of_b.summed, of_b.kept)).reshape({of_b.summed_count, of_b.kept_count});
  Shape shape = of_a.kept_sizes;
  for (const int64_t size : of_b.kept_sizes) shape.push_back(size);
  return matmul(rows, columns).reshape(shape);
}

}  // namespace

Tensor tensordot(const Tensor& a, const Tensor& b, const std::vector<int>& axes_a,
                 const std::vector<int>& axes_b) {
  return product("tensordot", a, b, axes_a, axes_b);
}

Tensor tensordot(const Tensor& a, const Tensor& b, int axes) {
  check_operands("tensordot", {&a, &b});
  check<ShapeError>(axes >= 0 && axes <= std::min(a.rank(), b.rank()), "tensordot: {} axes of a {} and b {}",
                    axes, a.shape(), b.shape());
  std::vector<int> axes_a(static_cast<size_t>(axes)), axes_b(static_cast<size_t>(axes));
  std::iota(axes_a.begin(), axes_a.end(), a.rank() - axes);
  std::iota(axes_b.begin(), axes_b.end(), 0);
  return tensordot(a, b, axes_a, axes_b);
}

Tensor dot(const Tensor& a, const Tensor& b) {
  check_operands("dot", {&a, &b});
  if (a.rank() == 0 || b.rank() == 0) return a * b;
  const int axis_b = b.rank() == 1 ? 0 : b.rank() - 2;
  check<ShapeError>(a.dim(-1) == b.dim(axis_b), "dot: the last axis of a {} and axis {} of b {} differ",
                    a.shape(), axis_b, b.shape());
  return product("dot", a, b, {a.rank() - 1}, {axis_b});
}

Tensor outer(const Tensor& a, const Tensor& b) {
  check_operands("outer", {&a, &b});
  return a.reshape({a.numel(), 1}) * b.reshape({1, b.numel()});
}

}  // namespace dlengine

// Contracts: moving elements, functions of elements, reductions.
#include "dlengine/core/graph/contract.h"
#include "dlengine/core/graph/contract_rules.h"
#include "dlengine/core/ops/common.h"

namespace dlengine::contract {

namespace {

void positions(const Tensor& index) {
  need(index.dtype() == DType::i64, "positions in i64");
  row_major({&index});
}

/// part is x with index.dim(0) slices along the axis.
void slices(const Tensor& x, int axis, const Tensor& index, const Tensor& part) {
  defined({&x, &index, &part});
  positions(index);
  need(index.rank() == 1, "positions [K]");
  one_type({&x, &part});
  row_major({&x, &part});
  Shape shape = x.shape();
  shape[axis_of(x, axis)] = index.dim(0);
  shaped(part, shape);
}

/// part is shaped like index, and x is at least as large on the other axes.
void picked(const Tensor& x, int axis, const Tensor& index, const Tensor& part) {
  defined({&x, &index, &part});
  positions(index);
  one_type({&x, &part});
  row_major({&x, &part});
  one_shape({&index, &part});
  need(index.rank() == x.rank(), "positions of x's rank");
  axis_of(x, axis);
  for (int i = 0; i < x.rank(); ++i) {
    need(i == axis || index.shape()[i] <= x.shape()[i], "positions no larger than x on the other axes");
  }
}

/// y[i] depends on element i of the others.
void elementwise(Tensors operands, const Tensor& y) {
  defined(operands);
  defined({&y});
  one_type(operands);
  one_shape(operands);
  shaped(y, (*operands.begin())->shape());
  no_gaps(y);
}

}  // namespace

void copy(const Tensor& x, const Tensor& y) {
  defined({&x, &y});
  one_shape({&x, &y});
}

void fill(const Tensor& y, double) { defined({&y}); }

void index_select(const Tensor& x, int axis, const Tensor& index, const Tensor& y) {
  slices(x, axis, index, y);
}

void index_add(const Tensor& dy, int axis, const Tensor& index, const Tensor& dx) {
  slices(dx, axis, index, dy);
  floating({&dx});
}

void gather(const Tensor& x, int axis, const Tensor& index, const Tensor& y) { picked(x, axis, index, y); }

void scatter_add(const Tensor& dy, int axis, const Tensor& index, const Tensor& dx) {
  picked(dx, axis, index, dy);
  floating({&dx});
}

void unary(const Unary&, const Tensor& x, const Tensor& y) {
  elementwise({&x}, y);
  one_type({&x, &y});
}

void unary_grad(const Unary&, const Tensor& saved, const Tensor& dy, const Tensor& dx) {
  elementwise({&saved, &dy}, dx);
  floating({&saved, &dx});
}

void relu_grad(const Tensor& y, const Tensor& dy, double, const Tensor& dx) {
  elementwise({&y, &dy}, dx);
  floating({&y, &dx});
}

void scale_shift(const Tensor& x, double scale, double shift, const Tensor& y) {
  elementwise({&x}, y);
  one_type({&x, &y});
  need(is_floating(x.dtype()) || (is_integer(scale) && is_integer(shift)), "whole numbers for integers");
}

void binary(BinaryOp, const Tensor& a, const Tensor& b, const Tensor& y) {
  elementwise({&a, &b}, y);
  one_type({&a, &y});
}

void compare(CompareOp, const Tensor& a, const Tensor& b, const Tensor& y) {
  elementwise({&a, &b}, y);
  need(y.dtype() == DType::boolean, "a result in bool");
}

void where(const Tensor& condition, const Tensor& a, const Tensor& b, const Tensor& y) {
  elementwise({&a, &b}, y);
  one_type({&a, &y});
  defined({&condition});
  one_shape({&a, &condition});
  need(condition.dtype() == DType::boolean, "a condition in bool");
}

void reduce(ReduceOp op, const Tensor& x, const Tensor& y) {
  defined({&x, &y});
  one_type({&x, &y});
  row_major({&y});
  need(y.rank() == x.rank(), "a result of x's rank");
  for (int axis = 0; axis < x.rank(); ++axis) {
    need(y.shape()[axis] == x.shape()[axis] || y.shape()[axis] == 1,
         "a result of x's size or 1 on each axis");
  }
  need(op == ReduceOp::sum || x.numel() > 0 || y.numel() == 0, "elements to reduce");
}

void arg_reduce(bool, const Tensor& x, int axis, const Tensor& y) {
  defined({&x, &y});
  positions(y);
  Shape shape = x.shape();
  shape[axis_of(x, axis)] = 1;
  shaped(y, shape);
  need(x.numel() > 0 || y.numel() == 0, "elements to reduce");
}

void cumsum(const Tensor& x, int axis, bool, const Tensor& y) {
  defined({&x, &y});
  one_type({&x, &y});
  one_shape({&x, &y});
  row_major({&y});
  axis_of(x, axis);
}

void argsort(const Tensor& x, int axis, bool, const Tensor& y) {
  defined({&x, &y});
  positions(y);
  one_shape({&x, &y});
  axis_of(x, axis);
}

}  // namespace dlengine::contract

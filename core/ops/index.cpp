// Picking and joining elements.
#include "dlengine/core/ops/index.h"

#include <algorithm>

#include "dlengine/core/autograd.h"
#include "dlengine/core/backend.h"
#include "dlengine/core/check.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/ops/arrange.h"
#include "dlengine/core/ops/common.h"
#include "dlengine/core/ops/elementwise.h"
#include "dlengine/core/ops/sort.h"

namespace dlengine {

namespace {

Tensor checked_index(const char* op, const Tensor& index) {
  check<DTypeError>(index.dtype() == DType::i64 || index.dtype() == DType::i32,
                    "{}: index is {}, need i32 or i64", op, index.dtype());
  return dense(index.to(DType::i64));
}

/// The index of one position for each element.
Tensor checked_positions(const char* op, const Tensor& x, int axis, const Tensor& positions) {
  bool fits = positions.rank() == x.rank();
  for (int i = 0; fits && i < x.rank(); ++i) fits = i == axis || positions.dim(i) <= x.dim(i);
  check<ShapeError>(fits, "{}: index {} must have the rank of x {} and be no larger outside of axis {}", op,
                    positions.shape(), x.shape(), axis);
  return checked_index(op, positions);
}

}  // namespace

Tensor index_select(const Tensor& x, int axis, const Tensor& positions) {
  check_operands("index_select", {&x, &positions});
  axis = normalize_axis("index_select", axis, x.rank());
  check<ShapeError>(positions.rank() == 1, "index_select: need index [K], got {}", positions.shape());
  const Tensor index = checked_index("index_select", positions);
  Shape shape = x.shape();
  shape[axis] = index.dim(0);
  Tensor y = empty(shape, x.dtype(), x.device());
  backend_for(x.device()).index_select(dense(x), axis, index, y);
  return record("index_select", y, {x}, [axis, index = Saved(index)](const Tensor& dy, InputGrads& dx) {
    Tensor gradient = dx.buffer(0);
    backend_for(dy.device()).index_add(dense(dy), axis, index.get(), gradient);
    dx.add(0, gradient);
  });
}

Tensor gather(const Tensor& x, int axis, const Tensor& positions) {
  check_operands("gather", {&x, &positions});
  axis = normalize_axis("gather", axis, x.rank());
  const Tensor index = checked_positions("gather", x, axis, positions);
  Tensor y = empty(index.shape(), x.dtype(), x.device());
  backend_for(x.device()).gather(dense(x), axis, index, y);
  return record("gather", y, {x}, [axis, index = Saved(index)](const Tensor& dy, InputGrads& dx) {
    Tensor gradient = dx.buffer(0);
    backend_for(dy.device()).scatter_add(dense(dy), axis, index.get(), gradient);
    dx.add(0, gradient);
  });
}

namespace {

void check_source(const char* op, const Tensor& x, const Tensor& index, const Tensor& source) {
  check_operands(op, {&x, &index, &source});
  check<DTypeError>(source.dtype() == x.dtype(), "{}: x is {} and the source {}", op, x.dtype(),
                    source.dtype());
  check<ShapeError>(source.shape() == index.shape(), "{}: index {} and source {} differ", op, index.shape(),
                    source.shape());
}

/// Sums of the elements that meet at each place of a tensor of this shape.
Tensor sums_at(const Shape& shape, int axis, const Tensor& index, const Tensor& source) {
  Tensor sums = empty(shape, source.dtype(), source.device());
  backend_for(source.device()).scatter_add(dense(source), axis, index, sums);
  return record("scatter_add", sums, {source},
                [axis, index = Saved(index)](const Tensor& dy, InputGrads& dx) {
                  Tensor gradient = dx.buffer(0);
                  backend_for(dy.device()).gather(dense(dy), axis, index.get(), gradient);
                  dx.add(0, gradient);
                });
}

/// For each place of a tensor of this shape 1 + where along the axis of the index it comes last; 0 where it
/// does not. In f64, which holds all of these numbers.
Tensor last_comers(const Shape& shape, int axis, const Tensor& index) {
  const Tensor order = argsort(index, axis), sorted = gather(index, axis, order);
  const Tensor is_last = not_equal(sorted.slice(axis, 1), sorted.slice(axis, 0, -1));
  Shape one = index.shape();
  one[axis] = 1;
  const Tensor last = concat({is_last, ones(one, DType::boolean, index.device())}, axis);
  return sums_at(shape, axis, sorted, where(last, order + 1, 0).to(DType::f64));
}

/// x and zeros behind it, up to this shape.
Tensor filled_up(const Tensor& x, const Shape& shape) {
  if (x.shape() == shape) return x;
  std::vector<PadWidth> widths;
  for (int axis = 0; axis < x.rank(); ++axis) widths.push_back({0, shape[axis] - x.dim(axis)});
  return pad(x, widths);
}

}  // namespace

Tensor scatter_add(const Tensor& x, int axis, const Tensor& positions, const Tensor& source) {
  check_source("scatter_add", x, positions, source);
  check_one_floating_type("scatter_add", {&x, &source});
  axis = normalize_axis("scatter_add", axis, x.rank());
  return x + sums_at(x.shape(), axis, checked_positions("scatter_add", x, axis, positions), source);
}

Tensor scatter(const Tensor& x, int axis, const Tensor& positions, const Tensor& source) {
  check_source("scatter", x, positions, source);
  axis = normalize_axis("scatter", axis, x.rank());
  const Tensor index = checked_positions("scatter", x, axis, positions);
  backend_for(x.device()).check_index("scatter", IndexRole::position, index, x.dim(axis));
  if (index.numel() == 0) return is_floating(x.dtype()) ? scatter_add(x, axis, index, source) : x.clone();
  const Tensor last = last_comers(x.shape(), axis, index);
  Tensor from = maximum(last - 1, 0).to(DType::i64);
  for (int other = 0; other < x.rank(); ++other) {
    if (other != axis) from = from.slice(other, 0, index.dim(other));
  }
  return where(greater(last, 0), filled_up(gather(source, axis, from), x.shape()), x);
}

Tensor scatter(const Tensor& x, int axis, const Tensor& positions, double value) {
  check_operands("scatter", {&x, &positions});
  axis = normalize_axis("scatter", axis, x.rank());
  const Tensor index = checked_positions("scatter", x, axis, positions);
  backend_for(x.device()).check_index("scatter", IndexRole::position, index, x.dim(axis));
  const Tensor hits = sums_at(x.shape(), axis, index, ones(index.shape(), DType::f32, x.device()));
  return where(greater(hits, 0), value, x);
}

Tensor one_hot(const Tensor& labels, int64_t classes, DType dtype) {
  check_operands("one_hot", {&labels});
  check<DTypeError>(!is_floating(labels.dtype()) && labels.dtype() != DType::boolean,
                    "one_hot: labels must be u8, i32 or i64, got {}", labels.dtype());
  check<ValueError>(classes > 0, "one_hot: need 1 class or more, got {}", classes);
  Shape shape = labels.shape();
  shape.push_back(classes);
  const Tensor rows = dense(labels.to(DType::i64)).reshape({labels.numel()});
  backend_for(rows.device()).check_index("one_hot", IndexRole::label, rows, classes);
  return unit_rows(rows, classes, dtype).reshape(shape);
}

// Classes are counted on the device, as a recorded step can do, too.
Tensor unit_rows(const Tensor& classes, int64_t count, DType dtype) {
  return equal(classes.unsqueeze(1), count_up(count, classes.device())).to(dtype);
}

Tensor concat(const std::vector<Tensor>& parts, int axis) {
  check<ValueError>(!parts.empty(), "concat: nothing to join");
  for (const Tensor& part : parts) check_operands("concat", {&parts[0], &part});
  axis = normalize_axis("concat", axis, parts[0].rank());
  Shape shape = parts[0].shape();
  shape[axis] = 0;
  for (const Tensor& part : parts) {
    Shape other = part.shape();
    const bool same_rank = other.rank() == shape.rank();
    if (same_rank) other[axis] = shape[axis];
    check<ShapeError>(same_rank && other == shape, "concat: {} and {} differ outside of axis {}",
                      parts[0].shape(), part.shape(), axis);
    check<DTypeError>(part.dtype() == parts[0].dtype(), "concat: parts are {} and {}", parts[0].dtype(),
                      part.dtype());
    shape[axis] += part.dim(axis);
  }
  Tensor y = empty(shape, parts[0].dtype(), parts[0].device());
  std::vector<int64_t> starts;
  int64_t end = 0;
  for (const Tensor& part : parts) {
    starts.push_back(end);
    end += part.dim(axis);
    y.slice(axis, starts.back(), end).copy_(part.detach());
  }
  starts.push_back(end);
  return record("concat", y, parts, [axis, starts](const Tensor& dy, InputGrads& dx) {
    for (size_t i = 0; i + 1 < starts.size(); ++i) {
      if (dx.wants(i)) dx.add(i, dy.slice(axis, starts[i], starts[i + 1]));
    }
  });
}

Tensor stack(const std::vector<Tensor>& parts, int axis) {
  check<ValueError>(!parts.empty(), "stack: nothing to join");
  std::vector<Tensor> wide;
  for (const Tensor& part : parts) {
    check_operands("stack", {&parts[0], &part});
    check<ShapeError>(part.shape() == parts[0].shape(), "stack: parts are {} and {}", parts[0].shape(),
                      part.shape());
    wide.push_back(part.unsqueeze(axis));
  }
  return concat(wide, axis);
}

}  // namespace dlengine

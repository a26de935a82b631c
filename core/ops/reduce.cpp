// Sums, means, extremes and their positions.
#include "dlengine/core/ops/reduce.h"

#include <algorithm>

#include "dlengine/core/autograd.h"
#include "dlengine/core/backend.h"
#include "dlengine/core/check.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/ops/common.h"
#include "dlengine/core/ops/elementwise.h"
#include "dlengine/core/ops/index.h"
#include "dlengine/core/shape_rules.h"

namespace dlengine {

namespace {

/// What a reduction does to a shape.
struct Plan {
  Shape kept;         // with size 1 along the reduced axes
  Shape result;       // as the caller wants it
  int64_t count = 1;  // elements that go into one
};

Plan plan_for(const char* op, const Shape& x, const ReduceOptions& options) {
  Shape axes;
  if (options.axes.empty()) {
    for (int axis = 0; axis < x.rank(); ++axis) axes.push_back(axis);
  }
  for (int64_t axis : options.axes) axes.push_back(normalize_axis(op, static_cast<int>(axis), x.rank()));
  Plan plan{reduced_shape(x, axes), {}, 1};
  Shape reduced = Shape::filled(x.rank(), 0);
  for (int64_t axis : axes) {
    check<ShapeError>(!reduced[static_cast<int>(axis)]++, "{}: axis {} is named twice", op, axis);
    plan.count *= x[static_cast<int>(axis)];
  }
  for (int axis = 0; axis < x.rank(); ++axis) {
    if (!reduced[axis] || options.keep_axes) plan.result.push_back(plan.kept[axis]);
  }
  return plan;
}

Tensor compute(ReduceOp op, const Tensor& x, const Plan& plan) {
  Tensor y = empty(plan.kept, x.dtype(), x.device());
  backend_for(x.device()).reduce(op, x, y);
  return {y.storage(), 0, plan.result, contiguous_strides(plan.result), y.dtype()};
}

Tensor extreme(ReduceOp op, const char* name, const Tensor& x, const ReduceOptions& options) {
  check_operands(name, {&x});
  if (x.dtype() == DType::boolean) throw_unsupported_dtype(name, x.dtype(), "a numeric type");
  const Plan plan = plan_for(name, x.shape(), options);
  check<ValueError>(plan.count > 0 || plan.result.product() == 0, "{}: {} has no elements", name, x.shape());
  const Tensor y = compute(op, x, plan);
  return record(name, y, {x}, [plan, x = Saved(x), y = Saved(y.detach())](const Tensor& dy, InputGrads& dx) {
    // 16 bits do not hold how many share a result.
    const DType wide = promote(dy.dtype(), DType::f32);
    const Tensor won = equal(x.get(), y.get().reshape(plan.kept)).to(wide);
    Tensor winners = empty(plan.kept, wide, dy.device());
    backend_for(dy.device()).reduce(ReduceOp::sum, won, winners);
    dx.add(0, (won * (dy.reshape(plan.kept).to(wide) / winners)).to(dy.dtype()));
  });
}

Tensor arg_extreme(bool largest, const char* name, const Tensor& x, int axis, bool keep_axis) {
  check_operands(name, {&x});
  axis = normalize_axis(name, axis, x.rank());
  if (x.dtype() == DType::boolean) throw_unsupported_dtype(name, x.dtype(), "a numeric type");
  check<ValueError>(x.dim(axis) > 0, "{}: axis {} of {} is empty", name, axis, x.shape());
  Shape kept = x.shape();
  kept[axis] = 1;
  Tensor y = empty(kept, DType::i64, x.device());
  backend_for(x.device()).arg_reduce(largest, x, axis, y);
  return keep_axis ? y : y.squeeze(axis);
}

}  // namespace

Tensor sum(const Tensor& x, const ReduceOptions& options) {
  check_operands("sum", {&x});
  if (!is_floating(x.dtype()) && x.dtype() != DType::i64) return sum(x.to(DType::i64), options);
  const Plan plan = plan_for("sum", x.shape(), options);
  return record("sum", compute(ReduceOp::sum, x, plan), {x},
                [plan, shape = x.shape()](const Tensor& dy, InputGrads& dx) {
                  dx.add(0, broadcast_view(dy.reshape(plan.kept), shape));
                });
}

namespace {

/// The type in which elements are multiplied: parts of a product may be out of f32's range where it is not.
DType product_type(DType dtype) { return is_floating(dtype) ? DType::f64 : DType::i64; }

/// Computes in product_type(); the result of floats is of x's type again.
template <typename F>
Tensor in_product_type(const Tensor& x, const F& compute) {
  const Tensor y = compute(x.to(product_type(x.dtype())));
  return is_floating(x.dtype()) ? y.to(x.dtype()) : y;
}

/// The product along an axis, which stays with size 1: half of it times the other half, again and again.
Tensor halved(Tensor x, int axis) {
  Tensor rest;  // what was left over where a size was odd
  while (x.dim(axis) > 1) {
    const int64_t half = x.dim(axis) / 2;
    if (x.dim(axis) % 2 == 1) {
      const Tensor last = x.slice(axis, 2 * half);
      rest = rest.defined() ? rest * last : last;
    }
    x = x.slice(axis, 0, half) * x.slice(axis, half, 2 * half);
  }
  return rest.defined() ? x * rest : x;
}

}  // namespace

Tensor prod(const Tensor& x, const ReduceOptions& options) {
  check_operands("prod", {&x});
  const Plan plan = plan_for("prod", x.shape(), options);
  if (plan.count == 0) return sum(x, options) + 1;
  if (plan.count == 1)
    return in_product_type(x.clone(), [&](const Tensor& y) { return y.reshape(plan.result); });
  return in_product_type(x, [&](Tensor y) {
    for (int axis = 0; axis < x.rank(); ++axis) {
      if (plan.kept[axis] != x.dim(axis)) y = halved(y, axis);
    }
    return y.reshape(plan.result);
  });
}

Tensor cumprod(const Tensor& x, int axis) {
  check_operands("cumprod", {&x});
  axis = normalize_axis("cumprod", axis, x.rank());
  return in_product_type(x.clone(), [axis](Tensor y) {
    for (int64_t width = 1; width < y.dim(axis); width *= 2) {
      const Tensor grown = y.slice(axis, width) * y.slice(axis, 0, y.dim(axis) - width);
      y = concat({y.slice(axis, 0, width), grown}, axis);
    }
    return y;
  });
}

Tensor mean(const Tensor& x, const ReduceOptions& options) {
  check_operands("mean", {&x});
  const Plan plan = plan_for("mean", x.shape(), options);
  check<ValueError>(plan.count > 0, "mean: {} has no elements", x.shape());
  if (!is_floating(x.dtype())) {
    return (sum(x, options).to(DType::f64) / static_cast<double>(plan.count)).to(DType::f32);
  }
  return record("mean", compute(ReduceOp::mean, x, plan), {x},
                [plan, shape = x.shape()](const Tensor& dy, InputGrads& dx) {
                  const Tensor share = dy.reshape(plan.kept) / static_cast<double>(plan.count);
                  dx.add(0, broadcast_view(share, shape));
                });
}

Tensor max(const Tensor& x, const ReduceOptions& options) {
  return extreme(ReduceOp::max, "max", x, options);
}
Tensor min(const Tensor& x, const ReduceOptions& options) {
  return extreme(ReduceOp::min, "min", x, options);
}
Tensor argmax(const Tensor& x, int axis, bool keep_axis) {
  return arg_extreme(true, "argmax", x, axis, keep_axis);
}
Tensor argmin(const Tensor& x, int axis, bool keep_axis) {
  return arg_extreme(false, "argmin", x, axis, keep_axis);
}

Tensor var(const Tensor& x, const VarOptions& options) {
  check_operands("var", {&x});
  if (!is_floating(x.dtype())) return var(x.to(DType::f64), options).to(DType::f32);
  const int64_t count = plan_for("var", x.shape(), {options.axes}).count;
  check<ValueError>(count > options.correction, "var: {} elements of {}, need more than {}", count, x.shape(),
                    std::max<int64_t>(options.correction, 0));
  const Tensor distance = x - mean(x, {options.axes, true});
  return sum(square(distance), {options.axes, options.keep_axes}) /
         static_cast<double>(count - options.correction);
}

Tensor stddev(const Tensor& x, const VarOptions& options) {
  check_operands("stddev", {&x});
  return sqrt(var(x, options));
}

Tensor cumsum(const Tensor& x, int axis, bool reverse) {
  check_operands("cumsum", {&x});
  axis = normalize_axis("cumsum", axis, x.rank());
  if (!is_floating(x.dtype()) && x.dtype() != DType::i64) return cumsum(x.to(DType::i64), axis, reverse);
  Tensor y = empty(x.shape(), x.dtype(), x.device());
  backend_for(x.device()).cumsum(x, axis, reverse, y);
  return record("cumsum", y, {x}, [axis, reverse](const Tensor& dy, InputGrads& dx) {
    Tensor gradient = dx.buffer(0);
    backend_for(dy.device()).cumsum(dy, axis, !reverse, gradient);
    dx.add(0, gradient);
  });
}

Tensor any(const Tensor& x, const ReduceOptions& options) {
  check_operands("any", {&x});
  const Tensor found = sum(x.detach().to(DType::boolean), options);
  return not_equal(found, scalar(0, DType::i64, x.device()));
}

Tensor all(const Tensor& x, const ReduceOptions& options) {
  check_operands("all", {&x});
  const Tensor missing = sum(equal(x, scalar(0, x.dtype(), x.device())), options);
  return equal(missing, scalar(0, DType::i64, x.device()));
}

}  // namespace dlengine

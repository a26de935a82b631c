// Order along an axis.
#include "dlengine/core/ops/sort.h"

#include "dlengine/core/backend.h"
#include "dlengine/core/check.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/ops/common.h"
#include "dlengine/core/ops/index.h"

namespace dlengine {

namespace {

/// argsort(), and what is built upon it.
Tensor order(const char* op, const Tensor& x, int axis, bool descending) {
  check_operands(op, {&x});
  if (x.dtype() == DType::boolean) throw_unsupported_dtype(op, x.dtype(), "a numeric type");
  axis = normalize_axis(op, axis, x.rank());
  Tensor y = empty(x.shape(), DType::i64, x.device());
  backend_for(x.device()).argsort(x, axis, descending, y);
  return y;
}

}  // namespace

Tensor argsort(const Tensor& x, int axis, bool descending) { return order("argsort", x, axis, descending); }

Tensor sort(const Tensor& x, int axis, bool descending) {
  return gather(x, axis, order("sort", x, axis, descending));
}

TopK topk(const Tensor& x, int64_t k, int axis, bool largest) {
  check_operands("topk", {&x});
  axis = normalize_axis("topk", axis, x.rank());
  check<ValueError>(k >= 0 && k <= x.dim(axis), "topk: {} elements of axis {} of {}", k, axis, x.shape());
  const Tensor indices = order("topk", x, axis, largest).slice(axis, 0, k);
  return {gather(x, axis, indices), indices};
}

}  // namespace dlengine

// A detour around layers.
#include "dlengine/layers/residual.h"

#include "dlengine/core/check.h"
#include "dlengine/core/ops/elementwise.h"

namespace dlengine {

Tensor Residual::forward(const Tensor& x) {
  const Tensor f = body_(x);
  if (shortcut_.size() == 0) {
    check<ShapeError>(
        f.shape() == x.shape(),
        "residual: the layers make {} of x {}, and only equal shapes are added; keep the shape, "
        "or give a shortcut(...) that changes x alike",
        f.shape(), x.shape());
    return f + x;
  }
  const Tensor detour = shortcut_(x);
  check<ShapeError>(
      f.shape() == detour.shape(),
      "residual: of x {} the layers make {} and the shortcut {}, and only equal shapes are added", x.shape(),
      f.shape(), detour.shape());
  return f + detour;
}

void Residual::visit(ModuleVisitor& visitor) {
  visitor.child("body", body_);
  if (shortcut_.size() > 0) visitor.child("shortcut", shortcut_);
}

}  // namespace dlengine

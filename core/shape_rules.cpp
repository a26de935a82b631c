// Output sizes of reductions and matrix products; window_rules.cpp has those of windows.
#include "dlengine/core/shape_rules.h"

#include "dlengine/core/check.h"

namespace dlengine {

Shape reduced_shape(const Shape& x, const Shape& axes) {
  Shape result = x;
  for (int64_t axis : axes) result[static_cast<int>(axis)] = 1;
  return result;
}

Shape matmul_shape(const Shape& a, const Shape& b) {
  const bool fits = a.rank() >= 2 && b.rank() >= 2 && a.back() == b[b.rank() - 2];
  check<ShapeError>(fits, "matmul: need a [.., M, K] and b [.., K, N], got a {} and b {}", a, b);
  Shape batch_a = a, batch_b = b;
  for (int i = 0; i < 2; ++i) {
    batch_a.erase(batch_a.rank() - 1);
    batch_b.erase(batch_b.rank() - 1);
  }
  Shape result;
  try {
    result = broadcast_shapes("batch axes", batch_a, batch_b);
  } catch (ShapeError& error) {
    error.add_context(fmt::format("matmul: a {} and b {}", a, b));
    throw;
  }
  result.push_back(a[a.rank() - 2]);
  result.push_back(b.back());
  return result;
}

}  // namespace dlengine

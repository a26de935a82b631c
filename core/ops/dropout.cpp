// Dropout.
#include "dlengine/core/ops/dropout.h"

#include "dlengine/core/autograd.h"
#include "dlengine/core/backend.h"
#include "dlengine/core/check.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/ops/common.h"

namespace dlengine {

namespace {

Tensor compute(const Tensor& x, double p, const PhiloxKey& key) {
  if (p == 1) return zeros_like(x);
  Tensor y = empty_like(x);
  backend_for(x.device()).dropout(dense(x, layout_of(x)), p, key, y);
  return y;
}

}  // namespace

Tensor dropout(const Tensor& x, double p, Generator& generator) {
  check_operands("dropout", {&x});
  check_one_floating_type("dropout", {&x});
  check<ValueError>(p >= 0 && p <= 1, "dropout: the share p must be in [0, 1], got {}", p);
  if (p == 0) return x;
  const PhiloxKey key = generator.next_key();
  return record("dropout", compute(x, p, key), {x},
                [p, key](const Tensor& dy, InputGrads& dx) { dx.add(0, compute(dy, p, key)); });
}

}  // namespace dlengine

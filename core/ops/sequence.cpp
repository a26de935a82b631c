// Sequences of different lengths in one padded batch.
#include "dlengine/core/ops/sequence.h"

#include "dlengine/core/backend.h"
#include "dlengine/core/check.h"
#include "dlengine/core/ops/common.h"
#include "dlengine/core/ops/elementwise.h"

namespace dlengine {

Tensor sequence_mask(const Tensor& lengths, int64_t steps) {
  check_operands("sequence_mask", {&lengths});
  check<DTypeError>(lengths.dtype() == DType::i64 || lengths.dtype() == DType::i32,
                    "sequence_mask: lengths are {}, need i32 or i64", lengths.dtype());
  check<ShapeError>(lengths.rank() == 1, "sequence_mask: need lengths [N], got {}", lengths.shape());
  check<ValueError>(steps >= 0, "sequence_mask: need 0 steps or more, got {}", steps);
  const Tensor ends = dense(lengths.to(DType::i64));
  backend_for(ends.device()).check_index("sequence_mask, lengths", IndexRole::position, ends, steps + 1);
  return less(count_up(steps, ends.device()), ends.unsqueeze(1));
}

}  // namespace dlengine

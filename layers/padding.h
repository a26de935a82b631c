// Internal: recurrent layers over padded sequences, the time first.
#pragma once

#include "dlengine/core/tensor.h"

namespace dlengine {

/// Which steps of sequences [T, N, ..] are padding, for one call of a layer. All of it is made on the device,
/// so that it can be recorded.
class SequencePadding {
 public:
  /// lengths: i32 or i64 [N]. Throws, in the name of op, ShapeError and as sequence_mask().
  SequencePadding(const char* op, const Tensor& lengths, int64_t steps, int64_t samples);

  /// x, and 0 where padding is.
  Tensor cleared(const Tensor& x) const;
  /// Every sequence from its own end to its beginning; padding stays behind it.
  Tensor reversed(const Tensor& x) const;
  /// What stands at the last step of each sequence, [N, H]; of one without steps what it began with
  /// (undefined: 0).
  Tensor last(const Tensor& x, const Tensor& first) const;
  /// What goes into a ReLU, which gives 0 where padding is: h would grow there, without a bound.
  Tensor silenced(const Tensor& x) const;
  /// An LSTM's gates [T, N, 4H], which keep c as it is where padding is.
  Tensor holding_c(const Tensor& gates) const;

 private:
  Tensor rows_at(const Tensor& steps) const;

  Tensor lengths_;   // i64 [N]
  Tensor samples_;   // i64 [N]: 0, 1, ...
  Tensor count_;     // i64 [1]: N, or [0] where that is 0
  Tensor mask_;      // bool [T, N]: true for what is not padding
  Tensor backward_;  // i64 [T * N]: rows of [T * N, ..] in the order of reversed()
};

}  // namespace dlengine

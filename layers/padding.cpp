// Recurrent layers over padded sequences.
#include "dlengine/layers/padding.h"

#include <limits>

#include "dlengine/core/check.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/ops/common.h"
#include "dlengine/core/ops/elementwise.h"
#include "dlengine/core/ops/index.h"
#include "dlengine/core/ops/sequence.h"

namespace dlengine {

namespace {

/// bool [T, N] with as many axes as x [T, N, ..].
Tensor beside(const Tensor& mask, const Tensor& x) {
  Tensor wide = mask;
  while (wide.rank() < x.rank()) wide = wide.unsqueeze(-1);
  return wide;
}

}  // namespace

SequencePadding::SequencePadding(const char* op, const Tensor& lengths, int64_t steps, int64_t samples) {
  check<ShapeError>(lengths.shape() == Shape{samples}, "{}: need lengths [{}], one for each sample, got {}",
                    op, samples, lengths.shape());
  mask_ = sequence_mask(lengths, steps).transpose(0, 1);
  lengths_ = lengths.to(DType::i64);
  samples_ = count_up(samples, lengths.device());
  count_ = samples_.slice(0, -1) + 1;
  const Tensor step = count_up(steps, lengths.device()).unsqueeze(1);
  backward_ = rows_at(where(mask_, lengths_ - 1 - step, step)).flatten();
}

// N is read off the device, as no number in a graph may depend on the size of the batch.
Tensor SequencePadding::rows_at(const Tensor& steps) const { return steps * count_ + samples_; }

Tensor SequencePadding::cleared(const Tensor& x) const { return where(beside(mask_, x), x, 0); }

Tensor SequencePadding::reversed(const Tensor& x) const {
  return index_select(x.flatten(0, 1), 0, backward_).reshape(x.shape());
}

Tensor SequencePadding::last(const Tensor& x, const Tensor& first) const {
  const Tensor found = index_select(x.flatten(0, 1), 0, rows_at(maximum(lengths_ - 1, 0)));
  const Tensor stepped = greater(lengths_, 0).unsqueeze(1);
  return first.defined() ? where(stepped, found, first) : where(stepped, found, 0);
}

Tensor SequencePadding::silenced(const Tensor& x) const {
  return where(beside(mask_, x), x, -std::numeric_limits<double>::infinity());
}

// c = sigmoid(f) * c0 + sigmoid(i) * tanh(g), with 1 and 0 in place of the sigmoids.
Tensor SequencePadding::holding_c(const Tensor& gates) const {
  const double infinity = std::numeric_limits<double>::infinity();
  const Tensor each = gates.reshape({gates.dim(0), gates.dim(1), 4, gates.dim(2) / 4});
  const Tensor hold = zeros({4, 1}, gates.dtype(), gates.device());
  hold.select(0, 0).fill_(-infinity);
  hold.select(0, 1).fill_(infinity);
  return where(beside(mask_, each), each, hold).reshape(gates.shape());
}

}  // namespace dlengine

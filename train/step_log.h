// Internal: loss and hits of every step, kept on the device so that training does not wait for them.
#pragma once

#include <cstdint>
#include <vector>

#include "dlengine/core/tensor.h"
#include "dlengine/train/history.h"

namespace dlengine {

/// add() queues device work; read() waits for it and adds what is new to the totals, in the order of the
/// steps.
class StepLog {
 public:
  /// For an epoch of this many steps, of which `done` were counted in `before`.
  StepLog(int64_t steps, Device device, int64_t done = 0, const Totals& before = {});

  /// loss: the mean over the batch, one element. Hits are counted if output is [N, C] and target either
  /// classes [N] or, one-hot, [N, C] with C > 1.
  void add(const Tensor& loss, const Tensor& output, const Tensor& target);
  /// Steps done.
  int64_t steps() const { return done_ + static_cast<int64_t>(sizes_.size()); }

  /// Returns the number (from 1) of the first new step whose loss is not finite, or 0.
  int64_t read();
  const Totals& totals() const { return totals_; }

 private:
  Tensor losses_;               // f64 [steps]
  Tensor hits_;                 // i64 [steps]
  std::vector<int64_t> sizes_;  // of the batches added
  size_t read_ = 0;             // how many of them are in the totals
  int64_t done_;
  Totals totals_;
};

}  // namespace dlengine

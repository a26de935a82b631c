// Internal: loss and hits of every step, added up on the device so that training does not wait for them.
#pragma once

#include <cstdint>

#include "dlengine/core/tensor.h"
#include "dlengine/train/history.h"

namespace dlengine {

class LossFunction;

/// loss_of() queues device work, also in a recorded step; read() waits for it.
class StepLog {
 public:
  explicit StepLog(Device device);

  /// Begins an epoch of which `done` steps were counted in `before`.
  void start(int64_t done = 0, const Totals& before = {});

  /// loss(output, target), the mean over the batch, added up. Hits are counted if output is [N, C] and target
  /// either classes [N] or, one-hot, [N, C] with C > 1. Throws ShapeError unless the loss is one element.
  Tensor loss_of(const LossFunction& loss, const Tensor& output, const Tensor& target);

  /// Brings totals() up to date. Returns the number (from 1) of the first step whose loss is not finite, or
  /// 0.
  int64_t read();
  const Totals& totals() const { return totals_; }

 private:
  Tensor sums_;  // f64 [5], as Backend::count_batch() has them
  bool classes_ = false;
  Totals totals_;
};

}  // namespace dlengine

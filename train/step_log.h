// Internal: loss and hits of every step, added up on the device so that training does not wait for them.
#pragma once

#include <cstdint>

#include "dlengine/core/tensor.h"
#include "dlengine/train/history.h"
#include "dlengine/train/loss_function.h"

namespace dlengine {

/// loss_of() queues device work, also in a recorded step; read() waits for it.
class StepLog {
 public:
  explicit StepLog(Device device, Accuracy accuracy = Accuracy::automatic);

  /// Begins an epoch of which `done` steps were counted in `before`.
  void start(int64_t done = 0, const Totals& before = {});

  /// loss(output, target), the mean over the batch, added up, and hits as accuracy says. Throws ShapeError
  /// unless the loss is one element, and where the shapes are not those of the accuracy asked for.
  Tensor loss_of(const LossFunction& loss, const Tensor& output, const Tensor& target);

  /// True if loss_of() counts hits for such an output and target.
  bool counts(const LossFunction& loss, const Tensor& output, const Tensor& target) const;

  /// Brings totals() up to date. Returns the number (from 1) of the first step whose loss is not finite, or
  /// 0.
  int64_t read();
  const Totals& totals() const { return totals_; }

 private:
  Tensor sums_;  // f64 [5], as Backend::count_batch() has them
  Accuracy accuracy_;
  int64_t answers_ = 0;
  Totals totals_;
};

}  // namespace dlengine

// Losses: objects that are called as loss(output, target) and give a scalar to call backward() on.
#pragma once

#include "dlengine/core/ops/softmax.h"
#include "dlengine/core/tensor.h"

namespace dlengine {

/// Softmax and cross-entropy in one: loss(logits [N, C], labels), without a Softmax layer before it. Labels
/// are classes [N] (u8, i32 or i64, from 0) or probabilities [N, C], one-hot or soft. The mean is over N.
/// Throws as cross_entropy().
class CrossEntropyLoss {
 public:
  static constexpr bool kReplayable = true;  // nothing but tensor operations, always the same ones
  explicit CrossEntropyLoss(Reduction reduction = Reduction::mean) : reduction_(reduction) {}
  Tensor operator()(const Tensor& logits, const Tensor& labels) const;
  /// The same, counted as counted_cross_entropy() does, if it counts(), as one loss does.
  Tensor counted(const Tensor& logits, const Tensor& labels, Tensor& totals) const;
  bool counts() const { return reduction_ != Reduction::none; }

 private:
  Reduction reduction_;
};

/// Squares of output - target, of one shape: nothing is broadcast, as [N, 1] against [N] is a mistake that
/// would train. mean is over all elements (PyTorch and Keras); the textbook's sum of squares / 2 is 0.5 *
/// Reduction::sum. Grads: output, target. Throws ShapeError, DTypeError, DeviceError.
Tensor mse_loss(const Tensor& output, const Tensor& target, Reduction reduction = Reduction::mean);

class MSELoss {
 public:
  static constexpr bool kReplayable = true;
  explicit MSELoss(Reduction reduction = Reduction::mean) : reduction_(reduction) {}
  Tensor operator()(const Tensor& output, const Tensor& target) const;

 private:
  Reduction reduction_;
};

}  // namespace dlengine

// Losses of numbers. Output and target have one shape and one floating type: nothing is broadcast, as [N, 1]
// against [N] is a mistake that would train. Means are over all elements. Grads: output, target. Throws
// ValueError, ShapeError, DTypeError, DeviceError.
#pragma once

#include "dlengine/core/ops/softmax.h"
#include "dlengine/core/tensor.h"
#include "dlengine/layers/loss_labels.h"

namespace dlengine {

/// (output - target)^2, averaged over all elements: PyTorch's and Keras's mean-squared error. The textbook's
/// is SumOfSquaresLoss.
Tensor mse_loss(const Tensor& output, const Tensor& target, Reduction reduction = Reduction::mean);

class MSELoss {
 public:
  static constexpr bool kReplayable = true;
  static constexpr Labels kLabels = Labels::values;
  explicit MSELoss(Reduction reduction = Reduction::mean) : reduction_(reduction) {}
  Tensor operator()(const Tensor& output, const Tensor& target) const;

 private:
  Reduction reduction_;
};

/// Half of the sum of all squares, the textbook's squared error: its gradient is output - target. It grows
/// with the batch, as MSELoss does not.
class SumOfSquaresLoss {
 public:
  static constexpr bool kReplayable = true;
  static constexpr Labels kLabels = Labels::values;
  Tensor operator()(const Tensor& output, const Tensor& target) const;
};

/// |output - target|, the mean absolute error; slope 0 where they are equal.
class L1Loss {
 public:
  static constexpr bool kReplayable = true;
  static constexpr Labels kLabels = Labels::values;
  explicit L1Loss(Reduction reduction = Reduction::mean) : reduction_(reduction) {}
  Tensor operator()(const Tensor& output, const Tensor& target) const;

 private:
  Reduction reduction_;
};

struct HuberLossOptions {
  double delta = 1;  // where the square becomes a line, > 0
  Reduction reduction = Reduction::mean;
};

/// d^2 / 2 for d = |output - target| up to delta, then delta * (d - delta / 2). Throws ValueError, too,
/// unless delta > 0. Source: Huber, Ann. Math. Statist. 35, 1964.
class HuberLoss {
 public:
  static constexpr bool kReplayable = true;
  static constexpr Labels kLabels = Labels::values;
  explicit HuberLoss(const HuberLossOptions& options = {});
  Tensor operator()(const Tensor& output, const Tensor& target) const;

 private:
  HuberLossOptions options_;
};

struct SmoothL1LossOptions {
  double beta = 1;  // where the square becomes a line; 0: nowhere, which is L1Loss
  Reduction reduction = Reduction::mean;
};

/// HuberLoss with delta = beta, divided by beta: far from the target it is L1Loss less beta / 2. Throws
/// ValueError, too, unless beta >= 0. Source: Girshick, arXiv:1504.08083.
class SmoothL1Loss {
 public:
  static constexpr bool kReplayable = true;
  static constexpr Labels kLabels = Labels::values;
  explicit SmoothL1Loss(const SmoothL1LossOptions& options = {});
  Tensor operator()(const Tensor& output, const Tensor& target) const;

 private:
  SmoothL1LossOptions options_;
};

}  // namespace dlengine

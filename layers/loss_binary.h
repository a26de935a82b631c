// Losses of yes and no: targets are 0 or 1, or probabilities between, shaped like the output and of any type.
// Means are over all elements. Targets get no gradient. Throws ValueError, ShapeError, DTypeError,
// DeviceError.
#pragma once

#include "dlengine/core/ops/softmax.h"
#include "dlengine/core/tensor.h"
#include "dlengine/layers/loss_labels.h"

namespace dlengine {

/// -(t * log(p) + (1 - t) * log(1 - p)) for probabilities p in [0, 1], as a Sigmoid layer gives them. As in
/// PyTorch, logarithms are at least -100, and the gradient's denominator p * (1 - p) at least 1e-12.
/// Probabilities outside of [0, 1] give NaN.
class BCELoss {
 public:
  static constexpr bool kReplayable = true;
  static constexpr Labels kLabels = Labels::probabilities;
  explicit BCELoss(Reduction reduction = Reduction::mean) : reduction_(reduction) {}
  Tensor operator()(const Tensor& probabilities, const Tensor& target) const;

 private:
  Reduction reduction_;
};

struct BCEWithLogitsOptions {
  Tensor pos_weight = {};  // on the losses of t = 1; broadcast to the output, as [C] to [N, C]; on its device
  Reduction reduction = Reduction::mean;
};

/// Sigmoid and BCELoss in one, exact for logits of any size.
class BCEWithLogitsLoss {
 public:
  static constexpr bool kReplayable = true;
  static constexpr Labels kLabels = Labels::logits;
  explicit BCEWithLogitsLoss(const BCEWithLogitsOptions& options = {});
  Tensor operator()(const Tensor& logits, const Tensor& target) const;

 private:
  BCEWithLogitsOptions options_;
};

}  // namespace dlengine

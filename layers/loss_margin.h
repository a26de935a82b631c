// Losses that are 0 once the answer is right by a margin. Targets get no gradient. Throws ValueError,
// ShapeError, DTypeError, DeviceError.
#pragma once

#include "dlengine/core/ops/softmax.h"
#include "dlengine/core/tensor.h"
#include "dlengine/layers/loss_labels.h"

namespace dlengine {

struct HingeLossOptions {
  bool squared = false;
  Reduction reduction = Reduction::mean;  // over all elements
};

/// max(1 - target * output, 0) for targets of -1 and 1, shaped like the output; Keras's hinge and
/// squared_hinge, which also take targets of 0 and 1: make them 2 * target - 1.
class HingeLoss {
 public:
  static constexpr bool kReplayable = true;
  static constexpr Labels kLabels = Labels::signs;
  explicit HingeLoss(const HingeLossOptions& options = {});
  Tensor operator()(const Tensor& output, const Tensor& target) const;

 private:
  HingeLossOptions options_;
};

struct HingeEmbeddingLossOptions {
  double margin = 1;
  Reduction reduction = Reduction::mean;  // over all elements
};

/// For distances x of pairs: x where target is 1 (alike), max(margin - x, 0) where it is -1. Any target above
/// 0 counts as 1.
class HingeEmbeddingLoss {
 public:
  static constexpr bool kReplayable = true;
  static constexpr Labels kLabels = Labels::values;
  explicit HingeEmbeddingLoss(const HingeEmbeddingLossOptions& options = {});
  Tensor operator()(const Tensor& output, const Tensor& target) const;

 private:
  HingeEmbeddingLossOptions options_;
};

struct MultiMarginLossOptions {
  bool squared = false;  // PyTorch's p = 2
  double margin = 1;
  Tensor weight = {};                     // [C], of each class
  Reduction reduction = Reduction::mean;  // over N
};

/// Scores [N, C] and classes [N]: the sum over all other classes j of max(margin - x[label] + x[j], 0), times
/// the weight of the label, divided by C. Source: Crammer and Singer, JMLR 2, 2001, as PyTorch has it.
class MultiMarginLoss {
 public:
  static constexpr bool kReplayable = true;
  static constexpr Labels kLabels = Labels::classes;
  explicit MultiMarginLoss(const MultiMarginLossOptions& options = {});
  Tensor operator()(const Tensor& scores, const Tensor& labels) const;

 private:
  MultiMarginLossOptions options_;
};

}  // namespace dlengine

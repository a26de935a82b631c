// Losses of distributions over classes. Labels are classes [N] (u8, i32 or i64, from 0) or probabilities [N,
// C], one-hot or soft. Means are over N. Labels get no gradient. A weight for each class, where there is one,
// is [C], floating, and on the output's device. Throws ShapeError, DTypeError, DeviceError; ValueError for a
// class out of range (on a GPU when the result is next read).
#pragma once

#include <cstdint>
#include <optional>

#include "dlengine/core/ops/softmax.h"
#include "dlengine/core/tensor.h"
#include "dlengine/layers/loss_labels.h"

namespace dlengine {

struct CrossEntropyOptions {
  Tensor weight = {};  // [C]; a mean over classes is divided by the weights of the labels, as in PyTorch
  double label_smoothing = 0;  // share of each label that is spread evenly over all classes, 0 to 1
  Reduction reduction = Reduction::mean;
  // Classes of this number, as those of padding, have a loss of 0 and count neither in the mean nor in a
  // Trainer's accuracy; PyTorch's usual one is -100.
  std::optional<int64_t> ignore_index = {};
};

/// Softmax and cross-entropy in one: loss(logits [N, C], labels), without a Softmax layer before it. Logits
/// of thousands are safe. Of pixels or the steps of a series: logits [N, C, ...], and labels [N, ...] of
/// classes or [N, C, ...]; a mean is over all of them. Throws as cross_entropy(), and ValueError for a
/// smoothing out of range.
class CrossEntropyLoss {
 public:
  static constexpr bool kReplayable = true;  // nothing but tensor operations, always the same ones
  static constexpr Labels kLabels = Labels::classes;
  explicit CrossEntropyLoss(Reduction reduction = Reduction::mean)
      : CrossEntropyLoss(CrossEntropyOptions{.reduction = reduction}) {}
  explicit CrossEntropyLoss(const CrossEntropyOptions& options);
  Tensor operator()(const Tensor& logits, const Tensor& labels) const;
  /// The same, counted as counted_cross_entropy() does, if it counts(), as one loss without weight and
  /// smoothing does.
  Tensor counted(const Tensor& logits, const Tensor& labels, Tensor& totals) const;
  bool counts() const { return plain() && options_.reduction != Reduction::none; }
  std::optional<int64_t> ignore_index() const { return options_.ignore_index; }

 private:
  bool plain() const {
    return !options_.weight.defined() && options_.label_smoothing == 0 && !options_.ignore_index;
  }
  Tensor of_places(const Tensor& logits, const Tensor& labels) const;
  Tensor of_kept(const Tensor& logits, const Tensor& labels) const;

  CrossEntropyOptions options_;
};

/// How the logarithm of a probability of 0 is kept finite.
enum class LogGuard : uint8_t {
  clip,  // Keras: rows are divided by their sums, then brought into [eps, 1 - eps], where the slope ends
  add    // textbook: log(p + eps)
};

struct CategoricalCrossEntropyOptions {
  LogGuard guard = LogGuard::clip;
  double eps = 1e-7;
  Reduction reduction = Reduction::mean;
};

/// Cross-entropy of probabilities [N, C], as a Softmax layer gives them: -sum(label * log(p)) for each row;
/// Keras's categorical_crossentropy and, for classes [N], sparse_categorical_crossentropy. CrossEntropyLoss
/// on the logits is exact, this is not: no loss is above -log(eps). The loss of 16-bit probabilities is f32.
class CategoricalCrossEntropyLoss {
 public:
  static constexpr bool kReplayable = true;
  static constexpr Labels kLabels = Labels::classes;
  explicit CategoricalCrossEntropyLoss(const CategoricalCrossEntropyOptions& options = {});
  Tensor operator()(const Tensor& probabilities, const Tensor& labels) const;

 private:
  CategoricalCrossEntropyOptions options_;
};

struct NLLLossOptions {
  Tensor weight = {};  // [C]; a mean is divided by the weights of the labels
  Reduction reduction = Reduction::mean;
};

/// -x[n, label[n]] for log-probabilities x [N, C], as log_softmax() gives them, and classes [N].
class NLLLoss {
 public:
  static constexpr bool kReplayable = true;
  static constexpr Labels kLabels = Labels::classes;
  explicit NLLLoss(const NLLLossOptions& options = {});
  Tensor operator()(const Tensor& log_probabilities, const Tensor& labels) const;

 private:
  NLLLossOptions options_;
};

struct KLDivLossOptions {
  bool log_target = false;  // the target holds log-probabilities, too
  Reduction reduction =
      Reduction::batchmean;  // the divergence itself; PyTorch's default is the mean over all elements
};

/// target * (log(target) - x) for log-probabilities x and probabilities of the same shape, 0 where target is
/// 0: the divergence of x from the target. Source: Kullback and Leibler, Ann. Math. Statist. 22, 1951.
class KLDivLoss {
 public:
  static constexpr bool kReplayable = true;
  static constexpr Labels kLabels = Labels::classes;
  explicit KLDivLoss(const KLDivLossOptions& options = {});
  Tensor operator()(const Tensor& log_probabilities, const Tensor& target) const;

 private:
  KLDivLossOptions options_;
};

}  // namespace dlengine

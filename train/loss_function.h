// What a loss is to the trainer.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <type_traits>
#include <utility>

#include "dlengine/core/tensor.h"
#include "dlengine/layers/loss_labels.h"
#include "dlengine/train/replayable.h"

namespace dlengine {

/// Which outputs are right.
enum class Accuracy : uint8_t {
  // As the loss takes its labels; whole numbers [N, ...] for outputs [N, C, ...] are classes to any loss. A
  // function of one's own says nothing: rows of labels are values to it.
  automatic,
  none,
  classes,  // the largest of a row; labels are [N, ...] or rows, as for a squared error of one-hot labels
  binary    // each output on its label's side of 0.5; of 0 where the loss takes logits or signs
};

/// loss(model output, labels) -> one element: the mean over the batch. Made from any function or object that
/// is called so.
class LossFunction {
 public:
  template <typename F>
  requires std::is_invocable_r_v<Tensor, F&, const Tensor&, const Tensor&> LossFunction(
      F loss)  // NOLINT: implicit
      : replayable_(says_replayable<F>()),
        labels_(labels_of<F>()),
        ignored_(ignored_by(loss)),
        counted_(counting(loss)),
        function_(std::move(loss)) {}
  Tensor operator()(const Tensor& output, const Tensor& target) const { return function_(output, target); }
  /// True for objects with members counts(), which says so, and counted(output, target, totals), which counts
  /// the batch as Backend::count_batch() does while it computes the loss.
  bool counts() const { return static_cast<bool>(counted_); }
  Tensor counted(const Tensor& output, const Tensor& target, Tensor& totals) const {
    return counted_(output, target, totals);
  }
  /// F::kReplayable, or false where there is none. True for the library's losses: they do nothing but tensor
  /// operations, always the same ones.
  bool replayable() const { return replayable_; }
  /// F::kLabels, or values where there is none.
  Labels labels() const { return labels_; }
  /// What a member ignore_index() says: labels of this class count for nothing. Empty where there is none.
  std::optional<int64_t> ignore_index() const { return ignored_; }

 private:
  using Counted = std::function<Tensor(const Tensor& output, const Tensor& target, Tensor& totals)>;

  template <typename F>
  static constexpr Labels labels_of() {
    if constexpr (requires { F::kLabels; }) return F::kLabels;
    return Labels::values;
  }

  template <typename F>
  static std::optional<int64_t> ignored_by(const F& loss) {
    if constexpr (requires { loss.ignore_index(); }) return loss.ignore_index();
    return {};
  }

  template <typename F>
  static Counted counting(const F& loss) {
    if constexpr (requires(Tensor & x) { loss.counted(x, x, x); }) {
      if (!loss.counts()) return {};
      return [loss](const Tensor& output, const Tensor& target, Tensor& totals) {
        return loss.counted(output, target, totals);
      };
    }
    return {};
  }

  bool replayable_;
  Labels labels_;
  std::optional<int64_t> ignored_;
  Counted counted_;
  std::function<Tensor(const Tensor& output, const Tensor& target)> function_;
};

}  // namespace dlengine

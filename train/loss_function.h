// What a loss is to the trainer.
#pragma once

#include <functional>
#include <type_traits>
#include <utility>

#include "dlengine/core/tensor.h"

namespace dlengine {

/// loss(model output, labels) -> one element: the mean over the batch. Made from any function or object that
/// is called so.
class LossFunction {
 public:
  template <typename F>
  requires std::is_invocable_r_v<Tensor, F&, const Tensor&, const Tensor&> LossFunction(
      F loss)  // NOLINT: implicit
      : replayable_(requires { F::kReplayable; }), counted_(counting(loss)), function_(std::move(loss)) {}
  Tensor operator()(const Tensor& output, const Tensor& target) const { return function_(output, target); }
  /// True for objects with members counts(), which says so, and counted(output, target, totals), which counts
  /// the batch as Backend::count_batch() does while it computes the loss.
  bool counts() const { return static_cast<bool>(counted_); }
  Tensor counted(const Tensor& output, const Tensor& target, Tensor& totals) const {
    return counted_(output, target, totals);
  }
  /// True for the library's losses: they do nothing but tensor operations, always the same ones.
  bool replayable() const { return replayable_; }

 private:
  using Counted = std::function<Tensor(const Tensor& output, const Tensor& target, Tensor& totals)>;

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
  Counted counted_;
  std::function<Tensor(const Tensor& output, const Tensor& target)> function_;
};

}  // namespace dlengine

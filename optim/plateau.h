// A learning rate that falls when training gets no further.
#pragma once

#include <cstdint>
#include <limits>

namespace dlengine {

struct PlateauOptions {
  double factor = 0.1;      // on the rate, each time
  int64_t patience = 10;    // epochs without a better loss that are still accepted
  double threshold = 1e-4;  // better: below the best one times (1 - threshold)
  int64_t cooldown = 0;     // epochs after a fall that do not count
  double least = 0;         // the factor falls no further than this
};

/// PyTorch's ReduceLROnPlateau, for a loss. A Trainer feeds one after each epoch (FitOptions::plateau); in a
/// loop of your own, optimizer.set_lr(base * plateau.update(loss)).
class ReduceOnPlateau {
 public:
  /// Throws ValueError unless 0 < factor < 1 and the other options are >= 0 and finite.
  explicit ReduceOnPlateau(const PlateauOptions& options = {});

  /// Takes the loss of an epoch; the factor on the base rate from now on.
  double update(double loss);
  double factor() const { return state_.factor; }

  /// All that update() depends on, for checkpoints.
  struct State {
    double factor = 1;
    double best = std::numeric_limits<double>::infinity();
    int64_t bad_epochs = 0;
    int64_t cooldown = 0;  // epochs left
  };
  const State& state() const { return state_; }
  void set_state(const State& state) { state_ = state; }

 private:
  PlateauOptions options_;
  State state_;
};

}  // namespace dlengine

// Keras's rule: an epoch counts if it beats the best one by more than min_delta.
#include "dlengine/train/early_stopping.h"

#include <algorithm>

#include "dlengine/core/autograd.h"
#include "dlengine/core/check.h"

namespace dlengine {

EarlyStopper::EarlyStopper(Module& model, const EarlyStopping& options)
    : model_(model), options_(options), best_(options.monitor, options.mode, options.min_delta) {
  check<ValueError>(options.patience >= 0, "early stopping: need patience >= 0, got {}", options.patience);
}

bool EarlyStopper::over(const EpochRecord& record) {
  if (!best_.better(record)) {
    const int64_t least = best_epoch() == 0 ? 2 : 1;  // the first epoch of all never ends a training
    return ++waited_ >= std::max(options_.patience, least);
  }
  waited_ = 0;
  if (options_.restore_best_weights) {
    const NoGrad no_grad;
    weights_ = model_.state();
    for (auto& [name, tensor] : weights_) tensor = tensor.detach().clone();
  }
  return false;
}

void EarlyStopper::restore() {
  if (!weights_.empty()) model_.load_state(weights_);
}

}  // namespace dlengine

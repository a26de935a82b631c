// Keras's rule: an epoch counts if it beats the best one by more than min_delta.
#include "dlengine/train/early_stopping.h"

#include "dlengine/core/autograd.h"
#include "dlengine/core/check.h"

namespace dlengine {
namespace {

/// The number watched, so that less is better.
double watched(const EpochRecord& record, Monitor monitor) {
  const Metrics& metrics = record.validation.samples > 0 ? record.validation : record.train;
  if (monitor == Monitor::loss) return metrics.loss;
  check<ValueError>(metrics.classes,
                    "early stopping: there is no accuracy to monitor, as no output is right or wrong (see "
                    "TrainerOptions::accuracy)");
  return -metrics.accuracy;
}

}  // namespace

EarlyStopper::EarlyStopper(Module& model, const EarlyStopping& options) : model_(model), options_(options) {
  check<ValueError>(options.patience >= 0, "early stopping: need patience >= 0, got {}", options.patience);
  check<ValueError>(options.min_delta >= 0, "early stopping: need min_delta >= 0, got {}", options.min_delta);
}

bool EarlyStopper::over(const EpochRecord& record) {
  const double value = watched(record, options_.monitor);
  if (best_ && !(value < *best_ - options_.min_delta)) return ++waited_ >= options_.patience;
  best_ = value;
  best_epoch_ = record.epoch;
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

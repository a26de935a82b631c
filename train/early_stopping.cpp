// Keras's rule: an epoch counts if it beats the best one by more than min_delta.
#include "dlengine/train/early_stopping.h"

#include <algorithm>
#include <cmath>

#include "dlengine/core/autograd.h"
#include "dlengine/core/check.h"

namespace dlengine {
namespace {

/// The number watched, so that less is better.
double watched(const Metrics& metrics, Monitor monitor) {
  return monitor == Monitor::loss ? metrics.loss : -metrics.accuracy;
}

}  // namespace

EarlyStopper::EarlyStopper(Module& model, const EarlyStopping& options) : model_(model), options_(options) {
  check<ValueError>(options.patience >= 0, "early stopping: need patience >= 0, got {}", options.patience);
  check<ValueError>(options.min_delta >= 0 && std::isfinite(options.min_delta),
                    "early stopping: need min_delta >= 0, got {}", options.min_delta);
}

void EarlyStopper::check_monitored(bool has_accuracy) const {
  check<ValueError>(has_accuracy || options_.monitor != Monitor::accuracy,
                    "early stopping: there is no accuracy to monitor, as no output is right or wrong (see "
                    "TrainerOptions::accuracy)");
}

bool EarlyStopper::over(const EpochRecord& record) {
  const Metrics& metrics = record.validation.samples > 0 ? record.validation : record.train;
  check_monitored(metrics.classes);
  const double value = watched(metrics, options_.monitor);
  if (!(value < best_ - options_.min_delta)) {       // so for NaN
    const int64_t least = best_epoch_ == 0 ? 2 : 1;  // the first epoch of all never ends a training
    return ++waited_ >= std::max(options_.patience, least);
  }
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

// The end of a training that no longer gets better.
#pragma once

#include <cstdint>

#include "dlengine/layers/module.h"
#include "dlengine/train/history.h"
#include "dlengine/train/monitor.h"

namespace dlengine {

/// Keras's names and defaults.
struct EarlyStopping {
  Monitored monitor = Monitor::loss;
  MonitorMode mode = MonitorMode::automatic;
  double min_delta = 0;  // by how much an epoch has to be better than the best one to count
  int64_t patience = 0;  // epochs in a row that may pass without that
  // At the end, but not after Ctrl-C: training then goes on from where it stood. Checkpoints are of the last
  // epoch; that of the best one is kept by FitOptions::save_best.
  bool restore_best_weights = false;
};

/// Counts the epochs of one training.
class EarlyStopper {
 public:
  /// Throws ValueError for a patience or min_delta < 0, a min_delta that is not finite, and as BestEpoch.
  EarlyStopper(Module& model, const EarlyStopping& options);
  /// Looks at an epoch that is over. True if the training is to end. Throws as Monitored::value().
  bool over(const EpochRecord& record);
  /// The best epoch so far; 0 before the first whose number is finite.
  int64_t best_epoch() const { return best_.state().epoch; }
  /// Brings back the weights of the best epoch, if the options say so.
  void restore();

 private:
  Module& model_;
  EarlyStopping options_;
  BestEpoch best_;
  int64_t waited_ = 0;
  NamedTensors weights_;  // of the best epoch, copied
};

}  // namespace dlengine

// The end of a training that no longer gets better.
#pragma once

#include <cstdint>
#include <limits>

#include "dlengine/layers/module.h"
#include "dlengine/train/history.h"

namespace dlengine {

enum class Monitor : uint8_t { loss, accuracy };

/// Keras's names and defaults.
struct EarlyStopping {
  Monitor monitor = Monitor::loss;  // of the validation data, or where there are none of the training data
  double min_delta = 0;             // by how much an epoch has to be better than the best one to count
  int64_t patience = 0;             // epochs in a row that may pass without that
  // At the end, but not after Ctrl-C: training then goes on from where it stood. Checkpoints are of the last
  // epoch.
  bool restore_best_weights = false;
};

/// Counts the epochs of one training.
class EarlyStopper {
 public:
  /// Throws ValueError for a patience or min_delta < 0 or a min_delta that is not finite.
  EarlyStopper(Module& model, const EarlyStopping& options);
  /// Throws ValueError where accuracy is to be monitored and there is none.
  void check_monitored(bool has_accuracy) const;
  /// Looks at an epoch that is over. True if the training is to end. Throws as check_monitored().
  bool over(const EpochRecord& record);
  /// The best epoch so far; 0 before the first whose number is finite.
  int64_t best_epoch() const { return best_epoch_; }
  /// Brings back the weights of the best epoch, if the options say so.
  void restore();

 private:
  Module& model_;
  EarlyStopping options_;
  double best_ = std::numeric_limits<double>::infinity();
  int64_t best_epoch_ = 0, waited_ = 0;
  NamedTensors weights_;  // of the best epoch, copied
};

}  // namespace dlengine

// The end of a training that no longer gets better.
#pragma once

#include <cstdint>
#include <optional>

#include "dlengine/layers/module.h"
#include "dlengine/train/history.h"

namespace dlengine {

enum class Monitor : uint8_t { loss, accuracy };

/// Keras's names and defaults.
struct EarlyStopping {
  Monitor monitor = Monitor::loss;    // of the validation data, or where there are none of the training data
  double min_delta = 0;               // by how much an epoch has to be better than the best one to count
  int64_t patience = 0;               // epochs in a row that may pass without that
  bool restore_best_weights = false;  // at the end; checkpoints are of the last epoch
};

/// Counts the epochs of one training.
class EarlyStopper {
 public:
  /// Throws ValueError for a patience or min_delta < 0.
  EarlyStopper(Module& model, const EarlyStopping& options);
  /// Looks at an epoch that is over. True if the training is to end. Throws ValueError where there is no
  /// accuracy to monitor.
  bool over(const EpochRecord& record);
  /// The best epoch so far; 0 before the first.
  int64_t best_epoch() const { return best_epoch_; }
  /// Brings back the weights of the best epoch, if the options say so.
  void restore();

 private:
  Module& model_;
  EarlyStopping options_;
  std::optional<double> best_;
  int64_t best_epoch_ = 0, waited_ = 0;
  NamedTensors weights_;  // of the best epoch, copied
};

}  // namespace dlengine

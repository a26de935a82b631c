// Which number of an epoch says that it was a good one.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "dlengine/train/history.h"

namespace dlengine {

/// Of the validation data, or where there are none of the training data.
enum class Monitor : uint8_t { loss, accuracy };

/// Whether less of a number is better or more; Keras's modes.
enum class MonitorMode : uint8_t {
  automatic,  // less of a loss or an error, more of an accuracy; a metric of one's own says it by kMode
  min,
  max
};

/// The number that is watched: a Monitor, or by Keras's name one of Metrics ("loss", "accuracy", what
/// TrainerOptions::metrics is called), which is of the training data unless "val_" stands before it.
class Monitored {
 public:
  Monitored(Monitor monitor);                                                // NOLINT: implicit
  Monitored(std::string_view name);                                          // NOLINT: implicit
  Monitored(const char* name) : Monitored(std::string_view(name)) {}         // NOLINT: implicit
  Monitored(const std::string& name) : Monitored(std::string_view(name)) {}  // NOLINT: implicit

  /// "accuracy" for "val_accuracy".
  const std::string& metric() const { return metric_; }
  /// True if it is there only where there are validation data.
  bool needs_validation() const { return part_ == Part::validation; }
  /// True if it can only be of the training data.
  bool of_training() const { return part_ == Part::training; }
  /// Keras's name.
  std::string name() const;
  /// Throws ValueError where the epoch has no such number.
  double value(const EpochRecord& record) const;

 private:
  enum class Part : uint8_t { training, validation, either };
  std::string metric_;
  Part part_;
};

/// Keeps the best value of a training.
class BestEpoch {
 public:
  /// Throws ValueError for a min_delta < 0 or not finite, and where `automatic` cannot tell what is better.
  BestEpoch(Monitored monitored, MonitorMode mode, double min_delta = 0);

  /// True if the epoch beats the best one so far by more than min_delta, which the first one does whose
  /// number is finite; it is the best one from now on. Throws as Monitored::value().
  bool better(const EpochRecord& record);

  struct State {
    double best = std::numeric_limits<double>::infinity();  // so that less is better
    int64_t epoch = 0;                                      // 0: none yet
  };
  const State& state() const { return state_; }
  void set_state(const State& state) { state_ = state; }
  /// In words what the best is counted by, "min val_loss"; validated: there are validation data.
  std::string rule(bool validated) const;

 private:
  Monitored monitored_;
  double sign_;
  double min_delta_;
  State state_;
};

}  // namespace dlengine

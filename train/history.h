// What a training reports.
#pragma once

#include <cstdint>
#include <vector>

namespace dlengine {

/// Means over the samples seen.
struct Metrics {
  double loss = 0;
  double accuracy = 0;   // share of the outputs that are right, as of Accuracy; 0 where labels are values
  bool classes = false;  // outputs are right or wrong, so accuracy means something
  int64_t samples = 0;
  double seconds = 0;
};

/// One row per epoch.
struct EpochRecord {
  int64_t epoch = 0;  // counts from 1
  Metrics train = {};
  Metrics validation = {};  // samples == 0 if there was none
  double lr = 0;            // at the end of the epoch
  double rate = 0;          // training samples per second
};

struct History {
  std::vector<EpochRecord> epochs;  // those finished
  bool interrupted = false;         // by Ctrl-C
  bool stopped_early = false;       // by FitOptions::early_stopping or Trainer::stop_training()
  int64_t best_epoch = 0;           // as early stopping counts; 0 without it
};

/// Sums over the samples seen, from which Metrics are made.
struct Totals {
  double loss = 0;  // of batch mean times batch size
  int64_t hits = 0;
  int64_t samples = 0;
  int64_t answers = 0;  // of a sample, that are right or wrong: 1 for classes, 0 for values

  Metrics metrics(double seconds) const;
};

}  // namespace dlengine

// What a training reports.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace dlengine {

/// What a metric of TrainerOptions::metrics came to.
struct MetricValue {
  std::string name;
  double value = 0;
};

/// Means over the samples seen.
struct Metrics {
  double loss = 0;
  double accuracy = 0;   // share of the outputs that are right, as of Accuracy; 0 where labels are values
  bool classes = false;  // outputs are right or wrong, so accuracy means something
  int64_t samples = 0;
  double seconds = 0;
  std::vector<MetricValue> others = {};  // of TrainerOptions::metrics, in their order

  /// The number of this name: "loss", "accuracy" or one of the others. Throws ValueError that lists the names
  /// there are.
  double at(std::string_view name) const;
};

/// One row per epoch.
struct EpochRecord {
  int64_t epoch = 0;  // counts from 1
  Metrics train = {};
  Metrics validation = {};  // samples == 0 if there was none
  double lr = 0;            // at the end of the epoch
  double rate = 0;          // training samples per second
};

/// What FitOptions::on_batch is told after a batch. The numbers are functions, as to ask for one waits for
/// the device, on which steps are still queued; where nobody asks, nothing is read. They hold within the
/// call.
struct BatchRecord {
  int64_t epoch = 0;                      // counts from 1
  int64_t batch = 0;                      // of this epoch, counts from 1
  int64_t batches = 0;                    // of an epoch
  std::function<double()> loss = {};      // of this batch alone
  std::function<Metrics()> metrics = {};  // means of the epoch so far, as in Keras's logs
};

struct History {
  std::vector<EpochRecord> epochs;  // those finished
  bool interrupted = false;         // by Ctrl-C
  bool stopped_early = false;       // by FitOptions::early_stopping or Trainer::stop_training()
  int64_t best_epoch = 0;           // as early stopping counts; 0 without it
  int64_t saved_epoch = 0;  // that of the file of FitOptions::save_best, also an earlier fit's; 0 without one
};

/// Sums over the samples seen, from which Metrics are made.
struct Totals {
  double loss = 0;  // of batch mean times batch size
  int64_t hits = 0;
  int64_t samples = 0;
  bool classes = false;                  // as of Metrics
  int64_t answers = 0;                   // that are right or wrong, in all; without those of ignore_index
  std::vector<MetricValue> others = {};  // of batch mean times batch size

  Metrics metrics(double seconds) const;
};

}  // namespace dlengine

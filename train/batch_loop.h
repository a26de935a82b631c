// Internal: a step for every batch of a data set, on one device.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "dlengine/data/device_batches.h"
#include "dlengine/data/loader.h"
#include "dlengine/train/captured_step.h"
#include "dlengine/train/upload.h"

namespace dlengine {

struct BatchLoopOptions {
  Device device = kCpu;
  LoaderOptions order;
  int64_t resident_bytes = 0;  // samples in memory of at most this size are kept on the device
  bool replay = true;          // steps are recorded and replayed where that is possible
};

/// Samples that lie in memory are moved to the device once, and recorded steps gather their batches there.
/// All others come from a Loader and are copied to the device one batch ahead.
class BatchLoop {
 public:
  using Step = std::function<void(const Samples& batch)>;

  /// The data set must outlive the loop. Throws ValueError for a batch size < 1.
  BatchLoop(const Dataset& dataset, const BatchLoopOptions& options, Step step);
  BatchLoop(const BatchLoop&) = delete;
  BatchLoop& operator=(const BatchLoop&) = delete;

  /// Begins an epoch after its first `done` batches.
  void start_epoch(int64_t epoch, int64_t done = 0);
  int64_t batches_per_epoch() const;
  /// Runs the step for the next batch, or for the next few if they are replayed in one launch. Returns for
  /// how many; 0 at the end of the epoch.
  int64_t advance();

  /// True if batches are gathered on the device.
  bool resident() const { return resident_.has_value(); }
  /// Why steps run as usual although they should be replayed; empty if they are.
  std::string reason() const;

 private:
  int64_t advance_resident();
  int64_t advance_streamed();

  BatchLoopOptions options_;
  Step step_;
  std::optional<DeviceBatches> resident_;
  std::optional<Upload> streamed_;
  std::map<int64_t, CapturedStep> captured_;  // by samples of a batch
};

}  // namespace dlengine

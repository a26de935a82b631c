// Internal: a step for every batch of a data set, on one device.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "dlengine/data/device_batches.h"
#include "dlengine/data/loader.h"
#include "dlengine/train/captured_step.h"
#include "dlengine/train/upload.h"

namespace dlengine {

/// What part a batch has in a step of the optimizer, which may go over several batches.
struct StepPart {
  bool first = true;
  bool last = true;
  int64_t of = 1;  // batches
  friend auto operator<=>(const StepPart&, const StepPart&) = default;
};

struct BatchLoopOptions {
  Device device = kCpu;
  LoaderOptions order;
  int64_t accumulate = 1;      // batches of a step; the last step of an epoch may have fewer
  int64_t resident_bytes = 0;  // samples in memory of at most this size are kept on the device
  bool replay = true;          // steps are recorded and replayed where that is possible
};

/// Batches that have the same part and as many samples do the same, so that one recording serves them all.
///
/// Samples that lie in memory are moved to the device once, and recorded steps gather their batches there.
/// All others come from a Loader and are copied to the device one batch ahead.
class BatchLoop {
 public:
  using Step = std::function<void(const Samples& batch, const StepPart& part)>;

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
  /// From now on advance() runs one step at a time.
  void advance_singly() { at_once_ = 1; }
  /// The next steps run as usual and are recorded anew: what was recorded holds no longer.
  void forget_recordings() { captured_.clear(); }
  /// Why steps run as usual although they should be replayed; empty if they are.
  std::string reason() const;

 private:
  int64_t advance_resident();
  int64_t advance_streamed();
  StepPart next_part() const;
  template <typename F>
  CapturedStep& captured(int64_t rows, F&& step);

  BatchLoopOptions options_;
  Step step_;
  std::optional<DeviceBatches> resident_;
  std::optional<Upload> streamed_;
  int at_once_;                                                    // steps of one launch
  int64_t next_ = 0;                                               // batch of the epoch
  std::map<std::pair<int64_t, StepPart>, CapturedStep> captured_;  // by samples and part of a batch
};

}  // namespace dlengine

// Internal: a loader's batches on the device, copied there one ahead.
#pragma once

#include <cstdint>
#include <optional>

#include "dlengine/core/stream.h"
#include "dlengine/data/loader.h"

namespace dlengine {

/// While the device works on one batch, prefetch() sends the next one there on a stream of its own. On the
/// CPU batches stay as the loader gives them.
class Upload {
 public:
  /// Throws as Loader.
  Upload(const Dataset& dataset, const LoaderOptions& options, Device device);

  /// Begins an epoch after its first `done` batches.
  void start_epoch(int64_t epoch, int64_t done = 0);
  int64_t batches_per_epoch() const { return loader_.batches_per_epoch(); }
  /// The next batch, for work that is queued from now on. False at the end of the epoch.
  bool next(Samples& batch);
  /// To be called when the work on a batch is queued. Throws as Loader::next().
  void prefetch();

 private:
  bool send_next();

  Loader loader_;
  Device device_;
  Stream copies_;
  Event arrived_;
  std::optional<Samples> ahead_;
};

}  // namespace dlengine

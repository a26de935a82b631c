// Batches that are put together on the device where the samples lie.
#pragma once

#include <cstdint>
#include <future>
#include <map>
#include <vector>

#include "dlengine/core/samples.h"
#include "dlengine/data/loader.h"

namespace dlengine {

/// The batches that a Loader gives of the same samples, gathered on the device by one kernel each:
///
///   for (batches.start_epoch(e); batches.next_size() > 0;) train(batches.take());
///
/// take() may be part of a CapturedStep: then every replay takes the next batch.
class DeviceBatches {
 public:
  /// Moves the samples to the device; x of u8 is read as TensorDataset does. options.prefetch has no meaning
  /// here. Throws ValueError for batch_size < 1 or no samples, OutOfMemoryError.
  DeviceBatches(const Samples& all, const LoaderOptions& options, Device device);
  DeviceBatches(const DeviceBatches&) = delete;
  DeviceBatches& operator=(const DeviceBatches&) = delete;

  /// Sends the order of the epoch. Throws ValueError for epoch < 0.
  void start_epoch(int64_t epoch);
  /// Passes over batches.
  void skip(int64_t batches);

  int64_t batches_per_epoch() const { return batches_; }
  /// Samples of the next batch; 0 at the end of the epoch.
  int64_t next_size() const;
  /// Batches of that size that follow each other, the next one included.
  int64_t next_count() const;
  /// The next batch. Throws ValueError at the end of the epoch.
  Samples take();

 private:
  BatchPosition advance(int64_t rows);
  std::vector<int64_t> order_of(int64_t epoch);
  void draw_ahead();

  Samples all_;
  LoaderOptions options_;
  int64_t batches_;
  Tensor order_;          // i64 [N]
  int64_t epoch_ = -1;    // whose order that is
  int64_t position_ = 0;  // samples of this epoch that were taken
  // The orders of the next epochs, each drawn by a thread of its own, as a GPU may be through with an epoch
  // before one is drawn.
  std::map<int64_t, std::future<std::vector<int64_t>>> next_orders_;
};

}  // namespace dlengine

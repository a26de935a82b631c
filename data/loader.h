// Batches of a data set, prepared ahead by a thread.
#pragma once

#include <cstdint>
#include <memory>

#include "dlengine/data/dataset.h"

namespace dlengine {

struct LoaderOptions {
  int64_t batch_size = 32;
  bool shuffle = false;
  bool drop_last = false;  // leave out a last batch that is not full; else it is kept, shorter
  int prefetch = 2;        // batches prepared ahead; 0: none, on the calling thread
  uint64_t seed = 0;       // of the order and of random numbers
};

/// for (Batch batch; loader.next(batch);) { ... } runs one epoch, at first epoch 0; start_epoch(e) begins
/// another, also before the last one is through. The data set must outlive the loader. An exception of the
/// data set is thrown by next(), after the batches before it, and ends the epoch; so is a ShapeError for a
/// batch with another number of samples than was asked for.
///
/// The order of samples depends on (seed, epoch) alone. What Dataset::get() draws from default_generator()
/// depends on (seed, epoch, number of the batch) alone: not on prefetch, on the batches before or on the
/// generator of the calling thread, which stays as it is.
class Loader {
 public:
  /// Throws ValueError for batch_size < 1 or prefetch < 0.
  explicit Loader(const Dataset& dataset, const LoaderOptions& options = {});
  explicit Loader(const Dataset&& temporary, const LoaderOptions& options = {}) = delete;
  ~Loader();
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;

  /// Throws ValueError for epoch < 0.
  void start_epoch(int64_t epoch);
  /// False at the end of the epoch.
  bool next(Batch& batch);
  int64_t batches_per_epoch() const;
  const Dataset& dataset() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace dlengine

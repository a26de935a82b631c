// Copies that run beside the work on the batch before.
#include "dlengine/train/upload.h"

#include <utility>

namespace dlengine {

Upload::Upload(const Dataset& dataset, const LoaderOptions& options, Device device)
    : loader_(dataset, options), device_(device), copies_(device), arrived_(device) {}

void Upload::start_epoch(int64_t epoch, int64_t done) {
  ahead_.reset();
  loader_.start_epoch(epoch);
  Samples passed_over;
  for (int64_t i = 0; i < done; ++i) loader_.next(passed_over);
}

bool Upload::next(Samples& batch) {
  if (device_ == kCpu) return loader_.next(batch);
  if (!ahead_ && !send_next()) return false;
  arrived_.block(current_stream(device_));
  batch = std::move(*ahead_);
  ahead_.reset();
  return true;
}

void Upload::prefetch() {
  if (device_ != kCpu) send_next();
}

bool Upload::send_next() {
  Samples batch;
  if (!loader_.next(batch)) return false;
  const StreamGuard guard(copies_);
  ahead_ = {batch.x.to(device_), batch.y.to(device_)};
  arrived_.record(copies_);
  return true;
}

}  // namespace dlengine

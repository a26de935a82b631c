// Batches from samples in device memory.
#include "dlengine/data/device_batches.h"

#include <algorithm>
#include <vector>

#include "dlengine/core/backend.h"
#include "dlengine/core/capture.h"
#include "dlengine/core/check.h"
#include "dlengine/core/factory.h"
#include "dlengine/data/sample_order.h"

namespace dlengine {

namespace {

constexpr int64_t kEpochsAhead = 2;  // whose orders are being drawn

}  // namespace

DeviceBatches::DeviceBatches(const Samples& all, const LoaderOptions& options, Device device)
    : all_{all.x.to(device).contiguous(), all.y.to(device).contiguous()},
      options_(options),
      batches_((check_order_options("DeviceBatches", options), count_batches(all.size(), options))) {
  check<ValueError>(all.size() > 0 && all.y.dim(0) == all.size(),
                    "DeviceBatches: need samples x [N, ...] and y [N, ...], got x {} and y {}", all.x.shape(),
                    all.y.shape());
  order_ = empty({all.size()}, DType::i64, device);
  start_epoch(0);
}

std::vector<int64_t> DeviceBatches::order_of(int64_t epoch) {
  auto drawn = next_orders_.extract(epoch);
  return drawn.empty() ? sample_order(all_.size(), options_, epoch) : drawn.mapped().get();
}

void DeviceBatches::draw_ahead() {
  if (!options_.shuffle) return;
  next_orders_.erase(next_orders_.begin(), next_orders_.upper_bound(epoch_));
  for (int64_t epoch = epoch_ + 1; epoch <= epoch_ + kEpochsAhead; ++epoch) {
    if (next_orders_.contains(epoch)) continue;
    next_orders_[epoch] = std::async(std::launch::async, [count = all_.size(), options = options_, epoch] {
      return sample_order(count, options, epoch);
    });
  }
}

void DeviceBatches::start_epoch(int64_t epoch) {
  check_epoch("DeviceBatches", epoch);
  const bool same_order = epoch_ >= 0 && (epoch == epoch_ || !options_.shuffle);
  if (!same_order) {
    const std::vector<int64_t> order = order_of(epoch);
    const Device device = order_.device();
    backend_for(device).copy_from_host(order_.raw(), order.data(), order.size() * sizeof(int64_t),
                                       device.index);
  }
  epoch_ = epoch;
  position_ = 0;
  draw_ahead();
}

void DeviceBatches::skip(int64_t batches) {
  position_ = std::min(all_.size(), position_ + batches * options_.batch_size);
}

int64_t DeviceBatches::next_size() const {
  const int64_t rows = std::min(options_.batch_size, all_.size() - position_);
  return options_.drop_last && rows < options_.batch_size ? 0 : rows;
}

int64_t DeviceBatches::next_count() const {
  const int64_t rows = next_size();
  return rows == 0 ? 0 : (all_.size() - position_) / rows;
}

// In a recorded step, the position is read from device memory, and the host counts along.
BatchPosition DeviceBatches::advance(int64_t rows) {
  BatchPosition at{.first = position_};
  if (Capture* capture = Capture::current()) {
    const LiveWords live = capture->words(this, [this] {
      return Words{static_cast<uint64_t>(position_), 0};
    });
    if (live.device) {
      at = {position_ - static_cast<int64_t>(live.start[0]), live.device};
      capture->at_replay([this, rows] { position_ += rows; });
    }
  }
  position_ += rows;
  return at;
}

Samples DeviceBatches::take() {
  const int64_t rows = next_size();
  check<ValueError>(rows > 0, "DeviceBatches: the epoch is over; start_epoch() begins another");
  Samples batch = empty_batch(all_, rows);
  backend_for(order_.device()).take_samples(all_, order_, advance(rows), batch);
  return batch;
}

}  // namespace dlengine

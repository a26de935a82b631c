// Batches that are gathered on the device, or copied to it.
#include "dlengine/train/batch_loop.h"

#include <algorithm>
#include <utility>

#include "dlengine/core/check.h"

namespace dlengine {

namespace {

/// Steps in one launch of a GPU, where a launch costs more than a kernel. On the CPU there is none.
constexpr int kStepsAtOnce = 16;

int steps_at_once(const BatchLoopOptions& options) {
  return options.device == kCpu || options.accumulate > 1 ? 1 : kStepsAtOnce;
}

int64_t bytes_of(const Tensor& x) { return x.numel() * static_cast<int64_t>(size_of(x.dtype())); }

/// The data set on the device; empty if it is not in memory, too large, or does not fit.
void keep_on_device(std::optional<DeviceBatches>& batches, const Dataset& dataset,
                    const BatchLoopOptions& options) {
  const std::optional<Samples> all = dataset.in_memory();
  check<ShapeError>(!all || all->size() == dataset.size(),
                    "Dataset::in_memory: need all {} samples of size(), got x {}", dataset.size(),
                    all ? all->x.shape() : Shape());
  if (!all || bytes_of(all->x) + bytes_of(all->y) > options.resident_bytes) return;
  try {
    batches.emplace(*all, options.order, options.device);
  } catch (const OutOfMemoryError&) {
    batches.reset();
  }
}

}  // namespace

BatchLoop::BatchLoop(const Dataset& dataset, const BatchLoopOptions& options, Step step)
    : options_(options), step_(std::move(step)), at_once_(steps_at_once(options)) {
  keep_on_device(resident_, dataset, options);
  if (!resident_) streamed_.emplace(dataset, options.order, options.device);
}

void BatchLoop::start_epoch(int64_t epoch, int64_t done) {
  next_ = done;
  if (resident_) {
    resident_->start_epoch(epoch);
    resident_->skip(done);
  } else {
    streamed_->start_epoch(epoch, done);
  }
}

int64_t BatchLoop::batches_per_epoch() const {
  return resident_ ? resident_->batches_per_epoch() : streamed_->batches_per_epoch();
}

int64_t BatchLoop::advance() {
  const int64_t count = resident_ ? advance_resident() : advance_streamed();
  next_ += count;
  return count;
}

StepPart BatchLoop::next_part() const {
  const int64_t k = options_.accumulate, begin = next_ - next_ % k;
  const int64_t of = std::min(k, batches_per_epoch() - begin);
  return {.first = next_ == begin, .last = next_ + 1 == begin + of, .of = of};
}

template <typename F>
CapturedStep& BatchLoop::captured(int64_t rows, F&& step) {
  return captured_.try_emplace({rows, next_part()}, options_.device, std::forward<F>(step)).first->second;
}

int64_t BatchLoop::advance_resident() {
  const int64_t rows = resident_->next_size();
  if (rows == 0) return 0;
  const StepPart part = next_part();
  if (!options_.replay) {
    step_(resident_->take(), part);
    return 1;
  }
  const int64_t count = std::min<int64_t>(resident_->next_count(), at_once_);
  captured(rows, [this, part](const auto&) {
    step_(resident_->take(), part);
    return std::vector<Tensor>();
  }).repeat(count, at_once_);
  return count;
}

int64_t BatchLoop::advance_streamed() {
  Samples batch;
  if (!streamed_->next(batch)) return 0;
  const StepPart part = next_part();
  if (options_.replay) {
    captured(batch.size(), [this, part](const std::vector<Tensor>& in) {
      step_({in[0], in[1]}, part);
      return std::vector<Tensor>();
    })({batch.x, batch.y});
  } else {
    step_(batch, part);
  }
  streamed_->prefetch();
  return 1;
}

std::string BatchLoop::reason() const {
  for (const auto& [kind, captured] : captured_) {
    if (!captured.reason().empty()) return "a step " + captured.reason();
  }
  return {};
}

}  // namespace dlengine

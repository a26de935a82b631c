// One thread per epoch fills a short queue; it starts with the first next().
#include "dlengine/data/loader.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include "dlengine/core/check.h"
#include "dlengine/data/read_batch.h"
#include "dlengine/data/sample_order.h"

namespace dlengine {

struct Loader::Impl {
  const Dataset& dataset;
  const LoaderOptions options;
  const int64_t batches;

  int64_t epoch = 0;
  std::vector<int64_t> order;  // of this epoch
  int64_t next_batch = 0;      // that next() returns

  // Shared with the thread, under the mutex.
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<Batch> ready;
  std::exception_ptr error;
  bool stopping = false;
  std::thread thread;

  Impl(const Dataset& samples, const LoaderOptions& wanted)
      : dataset(samples), options(wanted), batches(count_batches(samples.size(), wanted)) {}
  ~Impl() { stop(); }

  Batch make(int64_t batch) const {
    const int64_t first = batch * options.batch_size;
    const int64_t count = std::min(options.batch_size, static_cast<int64_t>(order.size()) - first);
    const auto numbers = std::span(order).subspan(static_cast<size_t>(first), static_cast<size_t>(count));
    return read_batch(dataset, numbers, seed_of_batch(options, epoch, batch));
  }

  /// The thread: batches in order until all are made, one fails, or stop() is called.
  void produce() try {
    for (int64_t batch = 0; batch < batches; ++batch) {
      {
        std::unique_lock lock(mutex);
        changed.wait(lock, [&] { return stopping || ready.size() < static_cast<size_t>(options.prefetch); });
        if (stopping) return;
      }
      Batch made = make(batch);
      const std::lock_guard lock(mutex);
      ready.push_back(std::move(made));
      changed.notify_all();
    }
  } catch (...) {
    const std::lock_guard lock(mutex);
    error = std::current_exception();
    changed.notify_all();
  }

  Batch take() {
    if (options.prefetch == 0) return make(next_batch);
    if (!thread.joinable()) thread = std::thread([this] { produce(); });
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return !ready.empty() || error; });
    if (ready.empty()) std::rethrow_exception(error);
    Batch batch = std::move(ready.front());
    ready.pop_front();
    changed.notify_all();
    return batch;
  }

  void stop() {
    {
      const std::lock_guard lock(mutex);
      stopping = true;
      changed.notify_all();
    }
    if (thread.joinable()) thread.join();
    stopping = false;
    ready.clear();
    error = nullptr;
  }
};

Loader::Loader(const Dataset& dataset, const LoaderOptions& options) {
  check_order_options("Loader", options);
  check<ValueError>(options.prefetch >= 0, "Loader: need prefetch >= 0, got {}", options.prefetch);
  impl_ = std::make_unique<Impl>(dataset, options);
  start_epoch(0);
}

Loader::~Loader() = default;

void Loader::start_epoch(int64_t epoch) {
  check_epoch("Loader", epoch);
  std::vector<int64_t> order = sample_order(impl_->dataset.size(), impl_->options, epoch);
  impl_->stop();
  impl_->epoch = epoch;
  impl_->order = std::move(order);
  impl_->next_batch = 0;
}

bool Loader::next(Batch& batch) {
  if (impl_->next_batch == impl_->batches) return false;
  try {
    batch = impl_->take();
  } catch (...) {
    impl_->next_batch = impl_->batches;
    throw;
  }
  ++impl_->next_batch;
  return true;
}

int64_t Loader::batches_per_epoch() const { return impl_->batches; }

const Dataset& Loader::dataset() const { return impl_->dataset; }

}  // namespace dlengine

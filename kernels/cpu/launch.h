// How a CPU kernel starts: it runs at once, and is kept if a step is being recorded.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "dlengine/core/parallel.h"

namespace dlengine {

/// The kernels of a recorded step, in order.
class LaunchList {
 public:
  /// Where this thread's launches are kept; null if it records none.
  static LaunchList*& recording();
  /// Those that depend on the step's constants alone; they are no part of run().
  LaunchList& preparing() {
    if (!preparing_) preparing_ = std::make_unique<LaunchList>();
    return *preparing_;
  }
  void prepare() const {
    if (preparing_) preparing_->run();
  }

  template <typename F>
  void add(F&& f) {
    launches_.emplace_back(std::forward<F>(f));
  }
  void run() const {
    for (const auto& launch : launches_) launch();
  }
  size_t size() const { return launches_.size(); }

 private:
  std::vector<std::function<void()>> launches_;
  std::unique_ptr<LaunchList> preparing_;
};

/// While it lives, what this thread launches fills prepared tensors of the captured step (Capture::prepared)
/// from its constants alone: a replay does it again only where those have changed.
class Preparing {
 public:
  Preparing() : launches_(LaunchList::recording()) {
    if (launches_) LaunchList::recording() = &launches_->preparing();
  }
  ~Preparing() { LaunchList::recording() = launches_; }
  Preparing(const Preparing&) = delete;
  Preparing& operator=(const Preparing&) = delete;

 private:
  LaunchList* launches_;
};

/// Calls f() now, and again at every replay if this thread records. So f holds all it needs by value: a
/// reference to a local would dangle. It must not launch in turn.
template <typename F>
void launch(F f) {
  f();
  if (LaunchList* list = LaunchList::recording()) list->add(std::move(f));
}

/// A launch that splits 0 .. count-1 over the threads: parallel_for, with a body that holds all by value.
template <typename F>
void launch_for(int64_t count, int64_t grain, F body) {
  launch([count, grain, body = std::move(body)] { parallel_for(count, grain, body); });
}

}  // namespace dlengine

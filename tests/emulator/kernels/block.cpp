// See block.h. A thread runs on a fiber until it waits or ends. A fiber on which a thread ends goes on with
// the next fresh thread, so a kernel without barriers runs on one stack from its first thread to its last.
#include "tests/emulator/kernels/block.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "tests/emulator/kernels/running_kernel.h"
#include "tests/emulator/kernels/thread_order.h"
#include "tests/emulator/report.h"

namespace dlengine::emulator {

namespace {

// Not inlined: fibers go from one thread of the host to another, which the compiler does not know.
[[gnu::noinline]] void set_running(KernelThread* thread) { running_thread = thread; }

using State = KernelThread::State;

}  // namespace

Block& running_block() {
  static Block& block = *new Block;  // used until the very end of the process
  return block;
}

void Block::prepare(dim3 size, ThreadBody body, const void* arguments) {
  body_ = body;
  arguments_ = arguments;
  const size_t count = size_t{size.x} * size.y * size.z;
  if (size.x == size_.x && size.y == size_.y && size.z == size_.z) return;
  size_ = size;
  threads_.assign(count, {});
  lanes_.assign(count, {});
  warps_.resize((count + kWarpLanes - 1) / kWarpLanes);
  order_.resize(count);
  for (uint32_t i = 0; i < count; ++i) {
    threads_[i].number = i;
    threads_[i].index = {i % size.x, i / size.x % size.y, i / size.x / size.y};
    threads_[i].lanes = &lanes_[i];
  }
}

void Block::start_block(Schedule schedule) {
  live_ = thread_count();
  at_barrier_ = predicates_ = 0;
  abandoned_ = false;
  for (KernelThread& thread : threads_) thread.state = State::fresh;
  std::fill(warps_.begin(), warps_.end(), Warp{});
  if (live_ % kWarpLanes != 0) warps_.back().ended = ~uint32_t{0} << live_ % kWarpLanes;
  std::iota(order_.begin(), order_.end(), 0u);
  if (schedule == Schedule::reverse) std::reverse(order_.begin(), order_.end());
  block_moments.begin = block_moments.synced = ++history.now;
  begin_block_order();
}

bool Block::run(Schedule schedule, std::mt19937_64& random) {
  start_block(schedule);
  while (live_ > 0) {
    if (schedule == Schedule::shuffled) std::shuffle(order_.begin(), order_.end(), random);
    const bool progress = pass_over_threads();
    if (!abandoned_ && all_at_barrier()) {
      release_barrier();
    } else if (!abandoned_ && !progress) {
      report_deadlock();
      abandoned_ = true;
    }
    if (abandoned_) {
      restart_fibers();
      return false;
    }
  }
  return true;
}

// Lets every thread run that can. False if there was none.
bool Block::pass_over_threads() {
  bool progress = false;
  for (cursor_ = 0; cursor_ < order_.size() && !abandoned_;) {
    KernelThread& thread = threads_[order_[cursor_]];
    if (thread.state == State::fresh) {
      if (idle_.empty()) idle_.push_back(new Fiber(run_fiber));  // for ever
      current_ = idle_.back();
      idle_.pop_back();
      current_->enter();  // takes the thread itself, and fresh ones behind it
      progress = true;
      continue;
    }
    ++cursor_;
    if (thread.state != State::ready) continue;
    let_run(thread);
    progress = true;
  }
  set_running(nullptr);
  return progress;
}

void Block::let_run(KernelThread& thread) {
  ++switches_;
  set_running(&thread);
  current_ = thread.fiber;
  current_->enter();
}

void Block::run_fiber() {
  Block& block = running_block();
  for (;;) {
    block.run_fresh_threads();
    block.idle_.push_back(block.current_);
    block.current_->leave();
  }
}

void Block::run_fresh_threads() {
  while (cursor_ < order_.size() && threads_[order_[cursor_]].state == State::fresh) {
    KernelThread& thread = threads_[order_[cursor_++]];
    ++switches_;
    thread.state = State::ready;
    thread.fiber = current_;
    thread.stack = current_->stack();
    set_running(&thread);
    body_(arguments_);
    end_thread(thread);
  }
}

void Block::end_thread(KernelThread& thread) {
  thread.state = State::finished;
  --live_;
  Warp& warp = warp_of(thread);
  warp.ended |= uint32_t{1} << thread.lane();
  if (warp.waiting != 0) note_ended_lane(thread);
}

void Block::wait_as(KernelThread::State state) {
  KernelThread& thread = *running_thread;
  thread.state = state;
  thread.fiber->leave();
}

void Block::abandon() {
  abandoned_ = true;
  running_thread->state = State::ready;  // even if it was at its end, so that its fiber starts anew
  current_->leave();
  __builtin_unreachable();
}

void Block::restart_fibers() {
  for (KernelThread& thread : threads_) {
    if (thread.state == State::fresh || thread.state == State::finished) continue;
    thread.fiber->restart();
    idle_.push_back(thread.fiber);
  }
}

unsigned Block::wait_at_barrier(bool predicate, const Site& site) {
  KernelThread& thread = *running_thread;
  thread.barrier = site;
  thread.predicate = predicate;
  ++at_barrier_;
  wait_as(State::at_barrier);
  return predicates_;
}

void Block::release_barrier() {
  check_barrier_sites();
  predicates_ = at_barrier_ = 0;
  for (KernelThread& thread : threads_) {
    if (thread.state != State::at_barrier) continue;
    predicates_ += thread.predicate;
    thread.state = State::ready;
  }
  block_moments.synced = ++history.now;
}

void Block::check_barrier_sites() const {
  const KernelThread* first = nullptr;
  for (const KernelThread& thread : threads_) {
    if (thread.state != State::at_barrier) continue;
    if (!first) first = &thread;
    if (thread.barrier == first->barrier) continue;
    return report(kind::kDivergentBarrier, fmt::format("{} waits at {}, {} at {}", describe_thread(*first),
                                                       describe_site(first->barrier), describe_thread(thread),
                                                       describe_site(thread.barrier)));
  }
}

void Block::report_deadlock() const {
  std::string waiters;
  size_t named = 0, waiting = 0;
  for (const KernelThread& thread : threads_) {
    if (thread.state == State::finished) continue;
    ++waiting;
    if (++named > 3) continue;
    const Site& site = thread.state == State::at_barrier ? thread.barrier : thread.call.site;
    waiters +=
        fmt::format("{}{} waits at {}", named > 1 ? ", " : "", describe_thread(thread), describe_site(site));
  }
  if (waiting > named) waiters += fmt::format(" and {} more", waiting - named);
  report(kind::kDeadlock, waiters);
}

}  // namespace dlengine::emulator

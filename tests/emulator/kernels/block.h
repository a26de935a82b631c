// The threads of the running block, and who runs next.
#pragma once

#include <vector_types.h>

#include <cstdint>
#include <random>
#include <vector>

#include "tests/emulator/kernels/grid.h"
#include "tests/emulator/kernels/kernel_thread.h"

namespace dlengine::emulator {

/// Lanes of a warp, by bits.
struct Warp {
  uint32_t waiting = 0;  // in a warp call
  uint32_t ended = 0;    // or not there at all
};

class Block {
 public:
  /// For all blocks of a kernel.
  void prepare(dim3 size, ThreadBody body, const void* arguments);
  /// Runs all threads of one block. False if the kernel was abandoned.
  bool run(Schedule schedule, std::mt19937_64& random);

  unsigned thread_count() const { return unsigned(threads_.size()); }
  KernelThread& thread(uint32_t number) { return threads_[number]; }
  Warp& warp_of(const KernelThread& thread) { return warps_[thread.number / kWarpLanes]; }
  uint64_t switches() const { return switches_; }

  /// Called by the running thread: lets others run until its state is ready again.
  void wait_as(KernelThread::State state);
  /// Called by the running thread: nobody goes on.
  [[noreturn]] void abandon();
  /// Waits until all live threads are here. Returns in how many of them the predicate is true.
  unsigned wait_at_barrier(bool predicate, const Site& site);

 private:
  static void run_fiber();
  void run_fresh_threads();
  void end_thread(KernelThread& thread);
  void start_block(Schedule schedule);
  bool pass_over_threads();
  void let_run(KernelThread& thread);
  bool all_at_barrier() const { return live_ > 0 && at_barrier_ == live_; }
  void release_barrier();
  void check_barrier_sites() const;
  void report_deadlock() const;
  void restart_fibers();

  dim3 size_{0, 0, 0};
  ThreadBody body_ = nullptr;
  const void* arguments_ = nullptr;
  std::vector<KernelThread> threads_;
  std::vector<LaneMoments> lanes_;
  std::vector<Warp> warps_;
  std::vector<uint32_t> order_;  // of the threads in a pass
  size_t cursor_ = 0;            // in it
  std::vector<Fiber*> idle_;
  Fiber* current_ = nullptr;
  unsigned live_ = 0, at_barrier_ = 0, predicates_ = 0;
  bool abandoned_ = false;
  uint64_t switches_ = 0;
};

/// The one block that exists at a time.
Block& running_block();

/// Looks at waiting lanes that count on one that ended.
void note_ended_lane(const KernelThread& thread);

}  // namespace dlengine::emulator

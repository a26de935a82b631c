// Which accesses of a kernel come before those of one of its threads.
#pragma once

#include <cstdint>

#include "tests/emulator/kernels/kernel_thread.h"

namespace dlengine::emulator {

/// What a thread knows to be done. All of its block's accesses before the last barrier, those of its warp
/// before the last synchronisations, its own.
struct ThreadView {
  uint32_t thread;
  Moment block_begin, block_synced;
  const LaneMoments* lanes;

  /// For a touch of this block.
  bool comes_after(Stamp earlier) const {
    const bool alone = earlier.crowd() == Crowd::one_thread;
    if (alone && earlier.thread() == thread) return true;
    if (earlier.moment() < block_synced) return true;
    if (earlier.thread() / kWarpLanes != thread / kWarpLanes || earlier.crowd() > Crowd::one_warp)
      return false;
    return earlier.moment() < (*lanes)[earlier.thread() % kWarpLanes];
  }
};

/// A kernel starts: nothing has been made known yet.
void begin_kernel_order();
/// A block starts: it knows of no other.
void begin_block_order();
/// What the thread did, and all that comes before it, can be made known by atomics.
void note_fence(const KernelThread& thread);
/// The thread changes the word in one step. True if it thereby knows what other blocks made known there.
bool note_atomic(const KernelThread& thread, size_t offset);
/// True if the running thread knows of the touch of another block of its kernel.
bool is_acquired(const ThreadView& view, Stamp earlier);

/// A thread of the running kernel; see shadow.h.
class ThreadToucher {
 public:
  explicit ThreadToucher(const KernelThread& thread)
      : view_{thread.number, block_moments.begin, block_moments.synced, thread.lanes},
        stamp_(Stamp::of(history.now, thread.number)) {}

  Stamp stamp() const { return stamp_; }

  bool comes_after(Stamp earlier) const {
    if (earlier.is_set()) return set_is_earlier(earlier.set_number());
    if (earlier.moment() < history.operation_begin) return is_earlier(earlier.moment());
    if (earlier.moment() >= view_.block_begin && earlier.crowd() != Crowd::several_blocks)
      return view_.comes_after(earlier);
    return is_acquired(view_, earlier);
  }

  Stamp join(Stamp earlier) const {
    if (earlier.is_set() || earlier.moment() < history.operation_begin) return join_operations(earlier);
    if (earlier.moment() < view_.block_begin || earlier.crowd() == Crowd::several_blocks)
      return stamp_.with(Crowd::several_blocks);
    const bool same_warp = earlier.thread() / kWarpLanes == view_.thread / kWarpLanes;
    return stamp_.with(same_warp && earlier.crowd() <= Crowd::one_warp ? Crowd::one_warp : Crowd::one_block);
  }

 private:
  ThreadView view_;
  Stamp stamp_;
};

}  // namespace dlengine::emulator

// Fences and atomics: how a block gets to know what others did. After a fence, an atomic on a word makes
// known what came before the fence; an atomic on the same word by a thread of a later block takes note of it.
#include "tests/emulator/kernels/thread_order.h"

#include <deque>
#include <unordered_map>
#include <vector>

namespace dlengine::emulator {

namespace {

// A thread's last fence; 0: none.
struct Fence {
  Moment at = 0;
  Moment block_synced = 0;
};

// What a thread's atomic makes known.
struct Release {
  ThreadView view;
  LaneMoments lanes;
  std::vector<Fence> fences;  // of the block's threads

  bool knows(Moment moment, uint32_t thread) const {
    ThreadView then = view;
    then.lanes = &lanes;
    return then.comes_after(Stamp::of(moment, thread));
  }

  // A fence of the thread that did it, before the atomic; or the atomic's thread knew of it at its own fence.
  bool covers(Stamp earlier) const {
    if (earlier.moment() < view.block_begin) return false;
    const uint32_t thread = earlier.thread();
    if (thread < fences.size() && earlier.moment() < fences[thread].at && knows(fences[thread].at, thread))
      return true;
    if (view.thread >= fences.size() || earlier.moment() >= fences[view.thread].at) return false;
    if (earlier.moment() < fences[view.thread].block_synced) return true;
    return thread / kWarpLanes == view.thread / kWarpLanes && earlier.moment() < lanes[thread % kWarpLanes];
  }
};

// What a thread of the running block learned: the first so many releases of a word.
struct Acquisition {
  Stamp by;
  const std::deque<Release>* releases;
  size_t count;
};

struct Known {
  std::unordered_map<size_t, std::deque<Release>> releases;  // by the word's offset
  std::vector<Fence> fences;                                 // of the running block's threads
  std::vector<Acquisition> acquisitions;                     // of the running block
};

Known& known() {
  static Known& all = *new Known;  // used until the very end of the process
  return all;
}

}  // namespace

void begin_kernel_order() { known().releases.clear(); }

void begin_block_order() {
  known().fences.clear();
  known().acquisitions.clear();
}

void note_fence(const KernelThread& thread) {
  std::vector<Fence>& fences = known().fences;
  if (fences.size() <= thread.number) fences.resize(thread.number + 1);
  fences[thread.number] = {++history.now, block_moments.synced};
}

bool note_atomic(const KernelThread& thread, size_t offset) {
  Known& all = known();
  if (all.releases.empty() && all.fences.empty()) return false;
  std::deque<Release>& releases = all.releases[offset];
  const bool learns = !releases.empty();
  if (learns) {
    all.acquisitions.push_back({Stamp::of(history.now, thread.number), &releases, releases.size()});
  }
  if (!all.fences.empty()) {
    const ThreadView view{thread.number, block_moments.begin, block_moments.synced, nullptr};
    releases.push_back({view, *thread.lanes, all.fences});
  }
  return learns;
}

bool is_acquired(const ThreadView& view, Stamp earlier) {
  for (const Acquisition& acquisition : known().acquisitions) {
    if (!view.comes_after(acquisition.by)) continue;
    // Of several blocks only the last one is known.
    if (earlier.crowd() == Crowd::several_blocks) return true;
    for (size_t i = 0; i < acquisition.count; ++i) {
      if ((*acquisition.releases)[i].covers(earlier)) return true;
    }
  }
  return false;
}

}  // namespace dlengine::emulator

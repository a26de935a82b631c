// See slabs.h.
#include "tests/emulator/memory/slabs.h"

#include <algorithm>

namespace dlengine::emulator {

size_t Slabs::take(size_t bytes, const std::function<void(Span)>& reused) {
  if (next_ + bytes > end_) {
    const size_t count = (bytes + kBytes - 1) / kBytes;
    const size_t first = find_free_run(count);
    if (first == kNone) return kNone;
    if (end_ > 0 && live_[end_ / kBytes - 1] == 0) release_({end_ - kBytes, kBytes});
    next_ = first * kBytes;
    end_ = next_ + count * kBytes;
    reused({next_, count * kBytes});
  }
  const Span piece{next_, bytes};
  count_live(piece, 1);
  next_ += bytes;
  return piece.begin;
}

void Slabs::give_back(Span piece) { count_live(piece, -1); }

// The next ones after the last, and from the start again at the end of the ring.
size_t Slabs::find_free_run(size_t count) const {
  const size_t start = end_ / kBytes;
  size_t run = 0;
  for (size_t step = 0; step < live_.size() + count; ++step) {
    const size_t slab = (start + step) % live_.size();
    if (slab == 0) run = 0;
    run = live_[slab] == 0 ? run + 1 : 0;
    if (run == count) return slab + 1 - count;
  }
  return kNone;
}

// The last slab of the current run is not released, because more may come to live there.
void Slabs::count_live(Span piece, int change) {
  Span dead{0, 0};
  const size_t last = (piece.begin + piece.bytes - 1) / kBytes;
  for (size_t slab = piece.begin / kBytes; slab <= last; ++slab) {
    live_[slab] += uint32_t(change);
    if (live_[slab] > 0 || (slab + 1) * kBytes == end_) continue;
    if (dead.bytes == 0) dead.begin = slab * kBytes;
    dead.bytes += kBytes;
  }
  if (dead.bytes > 0) release_(dead);
}

}  // namespace dlengine::emulator

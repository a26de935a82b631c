// Memory of a recorded step.
#pragma once

#include <cstddef>
#include <map>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "dlengine/core/allocator.h"

namespace dlengine {

/// Takes blocks from another allocator and keeps them for reuse until it is destroyed: what a recorded step
/// was given must not become somebody else's between two replays.
class StepMemory final : public Allocator {
 public:
  explicit StepMemory(Allocator& source) : source_(source) {}
  ~StepMemory() override;
  void* allocate(size_t bytes) override;
  void deallocate(void* pointer) noexcept override;
  MemoryStats stats() const override;
  void reset_peak() override;
  void trim() override;
  /// From now on, or no longer: only memory that is here already, as a recording can take no other. The
  /// allocations are those of the rehearsal, once more, and each gets the block that it got there: the best
  /// one of all blocks may be another than the best one of those that there were then.
  void seal(bool on);

 private:
  /// A free block for this many bytes; null if there is none.
  void* take(size_t bytes);
  /// The block that this allocation had in the rehearsal; null if it is not free, or does not fit.
  void* take_rehearsed(size_t bytes);

  Allocator& source_;
  bool sealed_ = false;
  std::vector<void*> rehearsed_;  // the blocks in the order in which they were given out
  size_t next_ = 0;               // of these, when sealed
  mutable std::mutex mutex_;
  MemoryStats stats_;
  std::multimap<size_t, void*> free_;             // by size
  std::unordered_map<void*, size_t> block_size_;  // of every block
};

}  // namespace dlengine

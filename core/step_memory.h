// Memory of a recorded step.
#pragma once

#include <cstddef>
#include <map>
#include <mutex>
#include <unordered_map>

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
  /// From now on, or no longer: only memory that is here already, as a recording can take no other.
  void seal(bool on) { sealed_ = on; }

 private:
  Allocator& source_;
  bool sealed_ = false;
  mutable std::mutex mutex_;
  MemoryStats stats_;
  std::multimap<size_t, void*> free_;             // by size
  std::unordered_map<void*, size_t> block_size_;  // of every block
};

}  // namespace dlengine

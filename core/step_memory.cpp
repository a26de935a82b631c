// Blocks that stay with a recorded step.
#include "dlengine/core/step_memory.h"

#include <algorithm>

#include "dlengine/core/block_reuse.h"
#include "dlengine/core/check.h"

namespace dlengine {

namespace {

bool fits(size_t block, size_t bytes) { return block >= bytes && block / kMostWaste <= bytes; }

}  // namespace

StepMemory::~StepMemory() {
  for (const auto& [pointer, size] : block_size_) source_.deallocate(pointer);
}

void* StepMemory::allocate(size_t bytes) {
  if (bytes == 0) return nullptr;
  const std::scoped_lock lock(mutex_);
  ++stats_.allocations;
  void* pointer = sealed_ ? take_rehearsed(bytes) : nullptr;
  if (!pointer) pointer = take(bytes);
  if (!pointer) {
    check<Error>(!sealed_,
                 "a recorded step needs {} bytes more than its rehearsal did: it keeps tensors from one "
                 "step to the next",
                 bytes);
    pointer = source_.allocate(bytes);
    block_size_.emplace(pointer, bytes);
    stats_.reserved += static_cast<int64_t>(bytes);
  }
  if (!sealed_) rehearsed_.push_back(pointer);
  stats_.in_use += static_cast<int64_t>(block_size_.at(pointer));
  stats_.peak = std::max(stats_.peak, stats_.in_use);
  return pointer;
}

void* StepMemory::take(size_t bytes) {
  const auto best = free_.lower_bound(bytes);
  if (best == free_.end() || !fits(best->first, bytes)) return nullptr;
  void* const pointer = best->second;
  free_.erase(best);
  return pointer;
}

void* StepMemory::take_rehearsed(size_t bytes) {
  if (rehearsed_.empty()) return nullptr;
  void* const pointer = rehearsed_[next_++ % rehearsed_.size()];  // several steps may be one recording
  const size_t size = block_size_.at(pointer);
  if (!fits(size, bytes)) return nullptr;
  const auto [first, last] = free_.equal_range(size);
  const auto found = std::find_if(first, last, [&](const auto& block) { return block.second == pointer; });
  if (found == last) return nullptr;
  free_.erase(found);
  return pointer;
}

void StepMemory::seal(bool on) {
  sealed_ = on;
  next_ = 0;
}

void StepMemory::deallocate(void* pointer) noexcept {
  if (pointer == nullptr) return;
  const std::scoped_lock lock(mutex_);
  const size_t size = block_size_.find(pointer)->second;
  stats_.in_use -= static_cast<int64_t>(size);
  free_.emplace(size, pointer);
}

MemoryStats StepMemory::stats() const {
  const std::scoped_lock lock(mutex_);
  return stats_;
}

void StepMemory::reset_peak() {
  const std::scoped_lock lock(mutex_);
  stats_.peak = stats_.in_use;
}

void StepMemory::trim() {}

}  // namespace dlengine

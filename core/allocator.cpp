// The caching host allocator.
#include "dlengine/core/allocator.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>

#include "dlengine/core/block_reuse.h"
#include "dlengine/core/check.h"

namespace dlengine {

namespace {

constexpr size_t kAlignment = 64;  // one cache line, one AVX-512 register
constexpr size_t kHugePage = size_t{2} << 20;

/// Sizes are rounded so that blocks are reused by slightly different requests, at a loss of less than a
/// quarter of the request, or of a cache line where that is more.
size_t block_size(size_t bytes) {
  size_t step = kAlignment;
  while (step * 8 < bytes) step *= 2;
  return (bytes + step - 1) / step * step;
}

// Blocks from here on, which steps leave behind, also serve smaller requests.
constexpr size_t kLarge = size_t{1} << 20;

/// The smallest of the kinds (by size) that has a free block and may serve this size; null if there is none.
template <typename Kinds>
auto* kind_with_free(Kinds& kinds, size_t size) {
  const size_t most = size < kLarge ? size : size * kMostWaste;
  for (auto kind = kinds.lower_bound(size); kind != kinds.end() && kind->first <= most; ++kind) {
    if (!kind->second.free.empty()) return &kind->second;
  }
  return static_cast<typename Kinds::mapped_type*>(nullptr);
}

/// size: of the block; of its bytes, those that are asked for now.
void* take_from_system(size_t size, size_t bytes) {
  const size_t alignment = size >= kHugePage ? kHugePage : kAlignment;
  void* pointer = std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
  // Fewer page faults and TLB misses; only for pages that will be full, since all of a huge page is taken.
  const size_t full = bytes / kHugePage * kHugePage;
  if (pointer && full > 0) madvise(pointer, full, MADV_HUGEPAGE);
  return pointer;
}

}  // namespace

HostAllocator::~HostAllocator() { trim(); }

void* HostAllocator::allocate(size_t bytes) {
  if (bytes == 0) return nullptr;
  const std::scoped_lock lock(mutex_);
  // Beyond this no machine has memory, and rounding up could overflow.
  const bool sensible = bytes <= (size_t{1} << 56);
  const size_t size = sensible ? block_size(bytes) : bytes;
  Kind* kind = kind_with_free(kinds_, size);
  void* pointer = nullptr;
  if (kind) {
    pointer = kind->free.back();
    kind->free.pop_back();
  } else {
    if (sensible) pointer = take_from_system(size, bytes);
    check<OutOfMemoryError>(
        pointer != nullptr,
        "out of host memory: {} bytes asked for, {} bytes in use, {} bytes kept for reuse", bytes,
        stats_.in_use, stats_.reserved - stats_.in_use);
    kind = &kinds_[size];
    kind->bytes = size;
    kind_of_.emplace(pointer, kind);
    stats_.reserved += static_cast<int64_t>(size);
  }
  ++stats_.allocations;
  stats_.in_use += static_cast<int64_t>(kind->bytes);
  stats_.peak = std::max(stats_.peak, stats_.in_use);
  return pointer;
}

void HostAllocator::deallocate(void* pointer) noexcept {
  if (pointer == nullptr) return;
  const std::scoped_lock lock(mutex_);
  Kind& kind = *kind_of_.find(pointer)->second;
  stats_.in_use -= static_cast<int64_t>(kind.bytes);
  kind.free.push_back(pointer);
}

MemoryStats HostAllocator::stats() const {
  const std::scoped_lock lock(mutex_);
  return stats_;
}

void HostAllocator::reset_peak() {
  const std::scoped_lock lock(mutex_);
  stats_.peak = stats_.in_use;
}

void HostAllocator::trim() {
  const std::scoped_lock lock(mutex_);
  for (auto& [size, kind] : kinds_) {
    for (void* pointer : kind.free) {
      kind_of_.erase(pointer);
      std::free(pointer);
      stats_.reserved -= static_cast<int64_t>(size);
    }
    kind.free.clear();
  }
}

}  // namespace dlengine

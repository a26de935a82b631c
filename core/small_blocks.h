// Memory for the small objects that every operation makes: tensors, storages, nodes of the tape.
#pragma once

#include <cstddef>
#include <memory>
#include <utility>

namespace dlengine {

/// Blocks of up to kMostBytes; freed ones are kept by the thread that freed them, for its next ones, up to a
/// limit. Larger blocks come from operator new as they are.
namespace small_blocks {
inline constexpr size_t kMostBytes = 512;
void* take(size_t bytes);
void give_back(void* block, size_t bytes) noexcept;
}  // namespace small_blocks

/// A standard allocator on small blocks.
template <typename T>
struct SmallBlocks {
  using value_type = T;
  SmallBlocks() = default;
  template <typename Other>
  SmallBlocks(const SmallBlocks<Other>&) {}  // NOLINT(google-explicit-constructor): as allocators are
  T* allocate(size_t count) { return static_cast<T*>(small_blocks::take(count * sizeof(T))); }
  void deallocate(T* block, size_t count) noexcept { small_blocks::give_back(block, count * sizeof(T)); }
  friend bool operator==(const SmallBlocks&, const SmallBlocks&) { return true; }
};

/// std::make_shared with the object in a small block.
template <typename T, typename... Arguments>
std::shared_ptr<T> make_small(Arguments&&... arguments) {
  static_assert(alignof(T) <= alignof(std::max_align_t));
  return std::allocate_shared<T>(SmallBlocks<T>(), std::forward<Arguments>(arguments)...);
}

}  // namespace dlengine

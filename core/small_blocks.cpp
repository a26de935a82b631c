// Lists of free blocks, one for each thread and size.
#include "dlengine/core/small_blocks.h"

#include <array>
#include <cstdint>
#include <new>

namespace dlengine::small_blocks {

namespace {

constexpr size_t kStep = 64;                                          // sizes are multiples of it
constexpr uint32_t kMostKept = DLENGINE_KEEP_SMALL_BLOCKS ? 256 : 0;  // of one size

struct FreeBlock {
  FreeBlock* next;
};

struct FreeList {
  FreeBlock* first = nullptr;
  uint32_t count = 0;
};

/// Without a destructor, as objects may be freed after those of the thread have run.
struct Kept {
  std::array<FreeList, kMostBytes / kStep> lists;
  uint32_t most = 0;  // of each list; 0 before the first block is freed, and when the thread ends
  bool ended = false;
};

constinit thread_local Kept kept;

/// Gives all blocks back when the thread ends.
struct AtThreadEnd {
  ~AtThreadEnd() {
    kept.most = 0;
    kept.ended = true;
    for (FreeList& list : kept.lists) {
      while (FreeBlock* block = list.first) {
        list.first = block->next;
        ::operator delete(block);
      }
    }
  }
};

void begin_to_keep() {
  static thread_local const AtThreadEnd cleaner;
  static_cast<void>(cleaner);
  kept.most = kMostKept;
}

size_t list_of(size_t bytes) { return (bytes - 1) / kStep; }

}  // namespace

void* take(size_t bytes) {
  if (bytes > kMostBytes) return ::operator new(bytes);
  FreeList& list = kept.lists[list_of(bytes)];
  FreeBlock* const block = list.first;
  if (!block) return ::operator new((list_of(bytes) + 1) * kStep);
  list.first = block->next;
  --list.count;
  return block;
}

void give_back(void* block, size_t bytes) noexcept {
  Kept& mine = kept;
  if (bytes > kMostBytes) return ::operator delete(block);
  FreeList& list = mine.lists[list_of(bytes)];
  if (list.count >= mine.most) {
    if (mine.most == 0 && !mine.ended) begin_to_keep();
    return ::operator delete(block);
  }
  list.first = new (block) FreeBlock{list.first};
  ++list.count;
}

}  // namespace dlengine::small_blocks

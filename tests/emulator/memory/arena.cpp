// See arena.h.
#include "tests/emulator/memory/arena.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "tests/emulator/memory/faults.h"

namespace dlengine::emulator {

namespace {

// Null where the system does not allow that much.
void* reserve(size_t bytes, int protection) {
  void* data = mmap(nullptr, bytes, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (data == MAP_FAILED) return nullptr;
  (void)madvise(data, bytes,
                MADV_HUGEPAGE);  // opening, closing and giving back are then a hundred times faster
  (void)madvise(data, bytes, MADV_DONTDUMP);
  return data;
}

struct Reserved {
  void *data, *words, *pages;
};

bool reserve_all(size_t bytes, Reserved& reserved) {
  const size_t word_bytes = bytes / sizeof(uint32_t) * sizeof(Word);
  const size_t page_bytes = bytes / Arena::kPageBytes * sizeof(void*);
  reserved = {reserve(bytes, PROT_NONE), reserve(word_bytes, PROT_READ | PROT_WRITE),
              reserve(page_bytes, PROT_READ | PROT_WRITE)};
  if (reserved.data && reserved.words && reserved.pages) return true;
  if (reserved.data) munmap(reserved.data, bytes);
  if (reserved.words) munmap(reserved.words, word_bytes);
  if (reserved.pages) munmap(reserved.pages, page_bytes);
  return false;
}

}  // namespace

void reserve_arena() {
  if (arena.base) return;
  constexpr size_t kMost = size_t{256} << 30, kLeast = size_t{4} << 30;
  Reserved reserved{};
  size_t bytes = kMost;
  while (!reserve_all(bytes, reserved) && bytes > kLeast) bytes /= 2;
  if (!reserved.data) {
    fmt::print(stderr, "cuda-emu: cannot reserve addresses for device memory: {}\n", std::strerror(errno));
    std::abort();
  }
  arena = {static_cast<char*>(reserved.data), bytes, static_cast<Word*>(reserved.words),
           static_cast<Record**>(reserved.pages)};
  install_fault_handler();
}

void map_pages(Record& record) {
  const size_t first = arena.offset_of(record.data) / Arena::kPageBytes;
  const size_t count = (record.bytes + Arena::kPageBytes - 1) / Arena::kPageBytes;
  std::fill_n(arena.pages + first, count, &record);
}

void unmap_pages(Span span) {
  std::fill_n(arena.pages + span.begin / Arena::kPageBytes, span.bytes / Arena::kPageBytes, nullptr);
}

void discard(Span span) {
  (void)madvise(arena.base + span.begin, span.bytes, MADV_DONTNEED);
  (void)madvise(&arena.word_at(span.begin), span.bytes / sizeof(uint32_t) * sizeof(Word), MADV_DONTNEED);
}

Record* nearest_record(const void* address) {
  constexpr size_t kFarthest = 1 << 20;  // pages
  const size_t page = arena.offset_of(address) / Arena::kPageBytes;
  for (size_t back = 0; back <= std::min(page, kFarthest); ++back) {
    if (Record* const record = arena.pages[page - back]) return record;
  }
  return nullptr;
}

}  // namespace dlengine::emulator

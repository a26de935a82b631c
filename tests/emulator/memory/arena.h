// Where device memory and what is known of it lie: one range of addresses, a shadow word for each of its
// words, and for each page the allocation that it belongs to.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "tests/emulator/memory/slabs.h"
#include "tests/emulator/memory/stamp.h"
#include "tests/emulator/runtime/timeline.h"

namespace dlengine::emulator {

/// What is known of four bytes of device memory.
struct Word {
  Stamp write, read;
  friend bool operator==(const Word&, const Word&) = default;
};

/// An allocation, or a shared array of the running kernel.
struct Record {
  uint64_t number = 0;  // of an allocation, from 1
  char* data = nullptr;
  size_t bytes = 0;
  const char* shared_name = nullptr;  // of a shared array
  OperationId born = 0;
  bool freed = false;
  Moment cleared_for = 0;          // the operation's first moment, if it may touch the allocation
  std::vector<OperationId> users;  // all that are not known to come before the last of them
};

struct Arena {
  static constexpr size_t kPageBytes = 512;  // pieces begin at multiples, with at least as much between them
  static constexpr size_t kSharedBytes =
      Slabs::kBytes;  // at its start: the shared memory of the running block

  char* base = nullptr;  // null until opened
  size_t bytes = 0;
  Word* words = nullptr;
  Record** pages = nullptr;

  bool contains(const void* address) const { return offset_of(address) < bytes; }
  size_t offset_of(const void* address) const { return uintptr_t(address) - uintptr_t(base); }
  Record* record_at(const void* address) const { return pages[offset_of(address) / kPageBytes]; }
  Word& word_at(size_t offset) const { return words[offset / sizeof(uint32_t)]; }
};
inline constinit Arena arena;

/// Reserves the addresses, at the first call.
void reserve_arena();
/// Marks the pages of a record as its own.
void map_pages(Record& record);
/// Marks pages as nobody's.
void unmap_pages(Span span);
/// Gives memory and what is known of it back to the system.
void discard(Span span);

/// The record of the address, or the last one before it.
Record* nearest_record(const void* address);
/// Why the running operation must not touch the record's memory, as a kind of report; empty if it may.
std::string_view objection_to_use(Record& record);

}  // namespace dlengine::emulator

// What accesses do to the words that they touch, and what may be wrong with them.
#pragma once

#include <cstdint>

#include "tests/emulator/memory/arena.h"

namespace dlengine::emulator {

/// Where the word's four bytes are.
inline size_t offset_of(const Word& word) { return size_t(&word - arena.words) * sizeof(uint32_t); }

enum class Finding : uint8_t { none, uninitialised, unordered_write, unordered_read };

/// Reads bytes of a word. A Toucher is who touches it now:
///   Stamp stamp() const             itself
///   bool comes_after(Stamp) const   whether the earlier touch is certain to have come before
///   Stamp join(Stamp) const         both, in no certain order
template <typename Toucher>
inline Finding read_word(Word& word, unsigned bytes, const Toucher& toucher) {
  const Stamp write = word.write, read = word.read;
  Finding finding = Finding::none;
  if ((write.bytes() & bytes) && !toucher.comes_after(write)) finding = Finding::unordered_write;
  if ((write.initialised() & bytes) != bytes) finding = Finding::uninitialised;
  if (read.bytes() == 0 || toucher.comes_after(read)) {
    const Stamp own = toucher.stamp();
    const unsigned also = read.identity() == own.identity() ? read.bytes() : 0;
    word.read = own.with_bytes(also | bytes);
  } else {
    word.read = toucher.join(read).with_bytes(read.bytes() | bytes);
  }
  return finding;
}

/// Writes bytes of a word.
template <typename Toucher>
inline Finding write_word(Word& word, unsigned bytes, const Toucher& toucher) {
  const Stamp write = word.write, read = word.read;
  Finding finding = Finding::none;
  if ((write.bytes() & bytes) && !toucher.comes_after(write)) finding = Finding::unordered_write;
  if ((read.bytes() & bytes) && !toucher.comes_after(read)) finding = Finding::unordered_read;
  const Stamp own = toucher.stamp();
  const unsigned also = write.identity() == own.identity() ? write.bytes() : 0;
  word.write = {own.bits | also | bytes | uint64_t(write.initialised() | bytes) << Stamp::kInitialisedShift};
  word.read = (read.bytes() & ~bytes) == 0 ? Stamp{} : Stamp{read.bits & ~uint64_t{bytes}};
  return finding;
}

/// Reads and writes a whole word or more in one step. Atomics do not race with each other.
template <typename Toucher>
inline Finding change_word(Word& word, const Toucher& toucher) {
  constexpr unsigned kAll = 15;
  const Stamp write = word.write;
  if (write.initialised() != kAll) return Finding::uninitialised;
  const bool ordered = toucher.comes_after(write);
  Stamp both = toucher.stamp();
  if (write.is_atomic()) {
    if (!ordered) both = toucher.join(write);
    word.write.bits = 0;
  }
  const Finding finding = write_word(word, kAll, toucher);
  word.write.bits = both.bits | Stamp::kAtomic | kAll | kAll << Stamp::kInitialisedShift;
  return finding;
}

/// Calls f(word, bytes) for each word of [offset, offset + bytes) with the bytes of it that are inside.
template <typename F>
inline void for_words(size_t offset, size_t bytes, F&& f) {
  const size_t end = offset + bytes;
  for (size_t at = offset & ~size_t{3}; at < end; at += 4) {
    unsigned mask = 15;
    if (at < offset) mask &= 15u << (offset - at);
    if (at + 4 > end) mask &= 15u >> (at + 4 - end);
    f(arena.word_at(at), mask);
  }
}

/// Uninitialised bytes of the word at the offset read as 0xFF: they get this value when somebody reads them.
void poison(size_t offset, unsigned bytes);

}  // namespace dlengine::emulator

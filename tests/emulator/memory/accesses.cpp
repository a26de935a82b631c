// See accesses.h. Fast, as every access of every kernel comes here.
#include "tests/emulator/memory/accesses.h"

#include <fmt/format.h>
#include <link.h>

#include <algorithm>
#include <array>
#include <vector>

#include "tests/emulator/kernels/running_kernel.h"
#include "tests/emulator/kernels/thread_order.h"
#include "tests/emulator/kernels/watchdog.h"
#include "tests/emulator/memory/memory.h"
#include "tests/emulator/memory/shadow.h"
#include "tests/emulator/report.h"

namespace dlengine::emulator {

thread_local constinit KernelThread* running_thread = nullptr;

namespace {

struct Range {
  uintptr_t begin, bytes;
  bool contains(const void* address, size_t count) const {
    const uintptr_t offset = uintptr_t(address) - begin;
    return offset < bytes && bytes - offset >= count;
  }
};

constinit Range kernel_arguments{};

// Constants of the program and of its libraries.
bool is_constant(const void* address, size_t bytes) {
  std::vector<Range> ranges;
  dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void* out) {
        for (int i = 0; i < info->dlpi_phnum; ++i) {
          const auto& header = info->dlpi_phdr[i];
          const bool fixed =
              header.p_type == PT_GNU_RELRO || (header.p_type == PT_LOAD && !(header.p_flags & PF_W));
          if (fixed)
            static_cast<std::vector<Range>*>(out)->push_back(
                {info->dlpi_addr + header.p_vaddr, header.p_memsz});
        }
        return 0;
      },
      &ranges);
  static auto& known = *new std::vector<Range>;
  const auto holds = [&](const Range& range) { return range.contains(address, bytes); };
  if (std::ranges::any_of(known, holds)) return true;
  known = ranges;
  return std::ranges::any_of(known, holds);
}

const char* verb(AccessKind access) {
  constexpr std::array kVerbs = {"read", "write", "atomic change"};
  return kVerbs[size_t(access)];
}

// "write of 4 bytes to allocation 3 [64 bytes] + 64 by thread 3 of block 0 of k at k.cu:3"
std::string sentence(const void* address, size_t bytes, AccessKind access, const void* place) {
  return fmt::format("{} of {} bytes at {} by {} at {}", verb(access), bytes, describe_address(address),
                     describe_thread(*running_thread), place_of(place));
}

[[noreturn]] [[gnu::noinline]] void refuse(std::string_view kind, const std::string& text) {
  report(kind, text);
  abandon_kernel();
}

// Not device memory: a kernel may read its parameters and constants, and touch pinned memory.
[[gnu::noinline]] void check_foreign(const void* address, size_t bytes, AccessKind access,
                                     const void* place) {
  if (is_pinned(address)) return;
  if (access == AccessKind::read &&
      (kernel_arguments.contains(address, bytes) || is_constant(address, bytes))) {
    return;
  }
  refuse(kind::kNotDeviceMemory, sentence(address, bytes, access, place));
}

// What the other party of a race did, when both are of this kernel.
std::string other_party(Stamp other) {
  if (other.is_set() || other.moment() < history.operation_begin) {
    return describe_operation(unordered_operation(other));
  }
  const char* const others = other.crowd() == Crowd::one_thread ? "" : " and others";
  return describe_thread_at(other.moment(), other.thread()) + others;
}

struct Attempt {
  const void* address;
  size_t bytes;
  AccessKind kind;
  const void* place;
};

[[gnu::noinline]] void report_race(const Attempt& attempt, Finding finding, Stamp other) {
  const bool of_kernel = !other.is_set() && other.moment() >= history.operation_begin;
  const std::string_view kind = of_kernel ? kind::kThreadRace : kind::kOperationRace;
  if (!is_first_finding(kind, attempt.place)) return;
  const char* const verb_of_other = finding == Finding::unordered_read ? "read" : "write";
  report(kind, fmt::format("{}; the {} by {} is not certain to come before",
                           sentence(attempt.address, attempt.bytes, attempt.kind, attempt.place),
                           verb_of_other, other_party(other)));
}

// `before` is the word as the access found it.
[[gnu::noinline]] void report_finding(const Attempt& attempt, Finding finding, size_t offset, unsigned bytes,
                                      const Word& before) {
  if (finding == Finding::uninitialised) {
    poison(offset, bytes & ~before.write.initialised());
    if (!is_first_finding(kind::kUninitialised, attempt.place)) return;
    return report(kind::kUninitialised,
                  sentence(attempt.address, attempt.bytes, attempt.kind, attempt.place));
  }
  report_race(attempt, finding, finding == Finding::unordered_read ? before.read : before.write);
}

// What earlier blocks left in shared memory is not there any more.
void forget_earlier_blocks(Word& word) {
  if (word.write.moment() < block_moments.begin) word.write = {};
  if (word.read.moment() < block_moments.begin) word.read = {};
}

Finding touch_word(Word& word, unsigned bytes, AccessKind access, const ThreadToucher& toucher) {
  switch (access) {
    case AccessKind::read: return read_word(word, bytes, toucher);
    case AccessKind::write: return write_word(word, bytes, toucher);
    default: return change_word(word, toucher);
  }
}

[[gnu::noinline]] void check_bounds(const Attempt& attempt) {
  Record* const record = arena.record_at(attempt.address);
  if (!record ||
      arena.offset_of(attempt.address) - arena.offset_of(record->data) + attempt.bytes > record->bytes) {
    refuse(kind::kOutOfBounds, sentence(attempt.address, attempt.bytes, attempt.kind, attempt.place));
  }
  if (record->cleared_for == history.operation_begin) return;
  const std::string_view objection = objection_to_use(*record);
  if (!objection.empty()) {
    refuse(objection, sentence(attempt.address, attempt.bytes, attempt.kind, attempt.place));
  }
}

}  // namespace

void set_kernel_arguments(const void* data, size_t bytes) { kernel_arguments = {uintptr_t(data), bytes}; }

void check_memory_access(const void* address, size_t bytes, AccessKind kind, const void* place) {
  const KernelThread& thread = *running_thread;
  watch_progress(place);
  const size_t offset = arena.offset_of(address);
  if (offset >= arena.bytes) return check_foreign(address, bytes, kind, place);
  const Attempt attempt{address, bytes, kind, place};
  const Record* const record = arena.record_at(address);
  if (!record || record->cleared_for != history.operation_begin ||
      offset - arena.offset_of(record->data) + bytes > record->bytes) {
    check_bounds(attempt);
  }
  const bool learned = kind == AccessKind::atomic && note_atomic(thread, offset);
  const ThreadToucher toucher(thread);
  for_words(offset, bytes, [&](Word& word, unsigned mask) {
    if (offset < Arena::kSharedBytes) forget_earlier_blocks(word);
    if (learned && word.write.is_atomic())
      word.write.bits &= ~uint64_t{15};  // it comes after the earlier atomics
    const Word before = word;
    const Finding finding = touch_word(word, mask, kind, toucher);
    if (finding != Finding::none) [[unlikely]]
      report_finding(attempt, finding, offset_of(word), mask, before);
  });
}

}  // namespace dlengine::emulator

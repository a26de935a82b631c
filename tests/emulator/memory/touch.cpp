// The memory accesses of whole operations: library calls, copies.
#include <fmt/format.h>

#include <array>
#include <cstring>
#include <utility>

#include "tests/emulator/memory/history.h"
#include "tests/emulator/memory/memory.h"
#include "tests/emulator/memory/shadow.h"
#include "tests/emulator/report.h"

namespace dlengine::emulator {

namespace {

// The running operation as a whole; see shadow.h.
struct OperationToucher {
  Stamp own = Stamp::of(history.operation_begin, 0);

  Stamp stamp() const { return own; }
  bool comes_after(Stamp earlier) const {
    if (earlier.is_set()) return set_is_earlier(earlier.set_number());
    return earlier.moment() >= history.operation_begin || is_earlier(earlier.moment());
  }
  Stamp join(Stamp earlier) const { return join_operations(earlier); }
};

// One access, and its words one after the other.
class Touch {
 public:
  Touch(const void* address, size_t bytes, Access access, const std::string& what)
      : address_(address), offset_(arena.offset_of(address)), bytes_(bytes), access_(access), what_(what) {}

  bool is_allowed() const;
  void run();
  void run_as_copy_source();

 private:
  std::string sentence(const void* address, size_t bytes) const {
    return fmt::format("{} is {} bytes at {}, {} by {}", what_, bytes, describe_address(address),
                       access_ == Access::read ? "read" : "written", describe_operation(history.operation));
  }
  Finding touch(Word& word, unsigned mask) const {
    return access_ == Access::read ? read_word(word, mask, toucher_) : write_word(word, mask, toucher_);
  }
  void note(Finding finding, const Word& before, size_t offset);

  const void* address_;
  size_t offset_, bytes_;
  Access access_;
  const std::string& what_;
  OperationToucher toucher_;
  bool is_copy_source_ = false;
  std::array<bool, 4> reported_{};  // by finding: one bug is one report, however many words meet it
};

bool Touch::is_allowed() const {
  if (!arena.contains(address_)) {
    if (is_pinned(address_)) return true;
    report(kind::kNotDeviceMemory, sentence(address_, bytes_));
    return false;
  }
  Record* const record = arena.record_at(address_);
  const auto reaches = [&] { return offset_ - arena.offset_of(record->data) + bytes_; };
  if (!record || record->shared_name || reaches() > record->bytes) {
    report(kind::kOutOfBounds, sentence(address_, bytes_));
    return false;
  }
  const std::string_view objection = objection_to_use(*record);
  if (!objection.empty()) report(objection, sentence(address_, bytes_));
  return objection.empty();
}

void Touch::note(Finding finding, const Word& before, size_t offset) {
  if (finding == Finding::uninitialised && is_copy_source_) return;
  if (std::exchange(reported_[size_t(finding)], true)) return;
  if (finding == Finding::uninitialised) {
    return report(kind::kUninitialised, fmt::format("{}; first at {}", sentence(address_, bytes_),
                                                    describe_address(arena.base + offset)));
  }
  const bool by_reader = finding == Finding::unordered_read;
  const OperationId other = unordered_operation(by_reader ? before.read : before.write);
  report(kind::kOperationRace,
         fmt::format("{}; {} {}, and is not certain to come before", sentence(address_, bytes_),
                     describe_operation(other), by_reader ? "reads it" : "writes it"));
}

// Neighbours mostly have the same past, and then the same comes out.
void Touch::run() {
  Word same_before{}, same_after{};
  bool has_same = false;
  for_words(offset_, bytes_, [&](Word& word, unsigned mask) {
    if (has_same && mask == 15 && word == same_before) {
      word = same_after;
      return;
    }
    const Word before = word;
    const Finding finding = touch(word, mask);
    has_same = mask == 15 && finding == Finding::none;
    same_before = before;
    same_after = word;
    if (finding == Finding::none) return;
    const size_t offset = offset_of(word);
    if (finding == Finding::uninitialised) poison(offset, mask & ~before.write.initialised());
    note(finding, before, offset);
  });
}

void Touch::run_as_copy_source() {
  is_copy_source_ = true;
  run();
}

bool is_initialised(size_t offset) {
  return arena.word_at(offset).write.initialised() >> offset % sizeof(uint32_t) & 1;
}

// Which bytes are initialised, from one piece to another that is initialised throughout.
void copy_initialised(size_t to, size_t from, size_t bytes) {
  for_words(to, bytes, [&](Word& word, unsigned mask) {
    const size_t first = offset_of(word);
    for (unsigned byte = 0; byte < sizeof(uint32_t); ++byte) {
      if (!(mask >> byte & 1) || is_initialised(first + byte - to + from)) continue;
      word.write.bits &= ~(uint64_t{1} << (Stamp::kInitialisedShift + byte));
    }
  });
}

}  // namespace

void poison(size_t offset, unsigned bytes) {
  constexpr int kPoison = 0xFF;
  for (unsigned byte = 0; byte < sizeof(uint32_t); ++byte) {
    if (bytes >> byte & 1) std::memset(arena.base + offset + byte, kPoison, 1);
  }
}

bool touch(const void* address, size_t bytes, Access access, const std::string& what) {
  if (bytes == 0) return true;
  enter_operation();
  Touch all(address, bytes, access, what);
  if (!all.is_allowed()) return false;
  if (arena.contains(address)) all.run();
  return true;
}

bool touch_copy(void* to, const void* from, size_t bytes, const std::string& what) {
  if (bytes == 0) return true;
  enter_operation();
  const std::string source = "the source of " + what, destination = "the destination of " + what;
  Touch read(from, bytes, Access::read, source), write(to, bytes, Access::write, destination);
  if (!read.is_allowed() || !write.is_allowed()) return false;
  read.run_as_copy_source();
  write.run();
  copy_initialised(arena.offset_of(to), arena.offset_of(from), bytes);
  return true;
}

}  // namespace dlengine::emulator

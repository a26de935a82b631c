// Allocations of device memory, pinned memory, and when the host may touch them.
#include "tests/emulator/memory/memory.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <memory>
#include <vector>

#include "tests/emulator/memory/arena.h"
#include "tests/emulator/memory/history.h"
#include "tests/emulator/report.h"

namespace dlengine::emulator {

namespace {

constexpr size_t kDefaultCapacity = size_t{2} << 30;

struct DeviceMemory {
  Slabs slabs;
  std::vector<std::unique_ptr<Record>> records;  // for ever, so that reports can name what was freed
  size_t capacity = kDefaultCapacity, in_use = 0, live = 0;
  int open = 0;
  std::map<uintptr_t, size_t> pinned;
};

DeviceMemory& memory() {
  static DeviceMemory& all = *[] {  // used until the very end of the process
    reserve_arena();
    auto* const created =
        new DeviceMemory{Slabs(arena.bytes / Slabs::kBytes, discard), {}, {}, {}, {}, {}, {}};
    created->capacity = kDefaultCapacity;
    (void)created->slabs.take(Arena::kSharedBytes, [](Span) {});  // never given back
    return created;
  }();
  return all;
}

void protect(int protection) {
  if (mprotect(arena.base, arena.bytes, protection) == 0) return;
  fmt::print(stderr, "cuda-emu: the system does not allow access to {} bytes of device memory\n",
             arena.bytes);
  std::abort();
}

// The piece with the gap behind it.
Span piece_of(const char* data, size_t bytes) {
  const size_t pages = (bytes + Arena::kPageBytes - 1) / Arena::kPageBytes + 1;
  return {arena.offset_of(data), pages * Arena::kPageBytes};
}

}  // namespace

void* allocate_device(size_t bytes, OperationId born) {
  DeviceMemory& all = memory();
  if (bytes > all.capacity - std::min(all.in_use, all.capacity)) return nullptr;
  const size_t offset = all.slabs.take(piece_of(arena.base, bytes).bytes, unmap_pages);
  if (offset == Slabs::kNone) return nullptr;
  Record& record = *all.records.emplace_back(std::make_unique<Record>());
  record.number = all.records.size();
  record.data = arena.base + offset;
  record.bytes = bytes;
  record.born = born;
  map_pages(record);
  all.in_use += bytes;
  ++all.live;
  return record.data;
}

void free_device(void* data, OperationId died) {
  Record& record = *arena.record_at(data);
  for (const OperationId user : record.users) {
    if (user == died || precedes_running(user)) continue;
    report(kind::kOperationRace,
           fmt::format("{} is freed by {}, which does not come after {}", describe_address(data),
                       describe_operation(died), describe_operation(user)));
  }
  record.freed = true;
  record.cleared_for = 0;
  record.users = {};
  memory().in_use -= record.bytes;
  --memory().live;
  memory().slabs.give_back(piece_of(record.data, record.bytes));
}

std::optional<Allocation> allocation_at(const void* address) {
  if (!arena.contains(address)) return std::nullopt;
  const Record* const record = arena.record_at(address);
  if (!record || record->shared_name) return std::nullopt;
  if (static_cast<const char*>(address) >= record->data + record->bytes) return std::nullopt;
  return Allocation{record->number, record->data, record->bytes, record->freed};
}

bool is_device_address(const void* address) { return arena.contains(address); }
size_t device_bytes_in_use() { return memory().in_use; }
size_t device_capacity() { return memory().capacity; }
void set_device_capacity(size_t bytes) { memory().capacity = bytes; }
size_t live_allocations() { return memory().live; }

void register_pinned(void* data, size_t bytes) { memory().pinned[uintptr_t(data)] = bytes; }
void unregister_pinned(void* data) { memory().pinned.erase(uintptr_t(data)); }
bool is_pinned(const void* address) {
  const auto& pinned = memory().pinned;
  const auto after = pinned.upper_bound(uintptr_t(address));
  return after != pinned.begin() && uintptr_t(address) - std::prev(after)->first < std::prev(after)->second;
}

void open_device_memory() {
  if (memory().open++ == 0) protect(PROT_READ | PROT_WRITE);
}
void close_device_memory() {
  if (--memory().open == 0) protect(PROT_NONE);
}

std::string_view objection_to_use(Record& record) {
  if (record.freed) return kind::kUseAfterFree;
  if (record.born != history.operation && !precedes_running(record.born)) return kind::kUseBeforeAllocation;
  std::erase_if(record.users, precedes_running);
  record.users.push_back(history.operation);
  record.cleared_for = history.operation_begin;
  return {};
}

std::string describe_address(const void* address) {
  if (!arena.contains(address)) return fmt::format("host address {}", address);
  const Record* const record = nearest_record(address);
  if (!record) return fmt::format("device address {} outside of all allocations", address);
  const ptrdiff_t from_start = static_cast<const char*>(address) - record->data;
  const std::string position = from_start == 0 ? "" : fmt::format(" + {}", from_start);
  if (record->shared_name)
    return fmt::format("shared {} [{} bytes]{}", record->shared_name, record->bytes, position);
  return fmt::format("{}allocation {} [{} bytes]{}", record->freed ? "freed " : "", record->number,
                     record->bytes, position);
}

}  // namespace dlengine::emulator

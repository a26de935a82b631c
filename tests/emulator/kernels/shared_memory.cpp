// See shared_memory.h. Each array is a piece of its own at the arena's start, with a gap behind it.
#include "tests/emulator/kernels/shared_memory.h"

#include <fmt/format.h>

#include <memory>
#include <vector>

#include "tests/emulator/kernels/kernel_api.h"
#include "tests/emulator/kernels/running_kernel.h"
#include "tests/emulator/memory/accesses.h"
#include "tests/emulator/memory/arena.h"
#include "tests/emulator/memory/history.h"
#include "tests/emulator/report.h"
#include "tests/emulator/runtime/device_limits.h"

namespace dlengine::emulator {

namespace {

struct Array {
  const void* key;
  std::unique_ptr<Record> record;  // stays where it is
};

struct SharedMemory {
  std::vector<Array> arrays;
  size_t next = Arena::kPageBytes;  // offset of the next array
  size_t static_bytes = 0;
};

SharedMemory& shared() {
  static SharedMemory& all = *new SharedMemory;  // used until the very end of the process
  return all;
}

char dynamic_key;

void* new_array(const void* key, const char* name, size_t bytes) {
  SharedMemory& all = shared();
  Record& record = *all.arrays.emplace_back(Array{key, std::make_unique<Record>()}).record;
  record.data = arena.base + all.next;
  record.bytes = bytes;
  record.shared_name = name;
  record.cleared_for = history.operation_begin;
  map_pages(record);
  const size_t pages = (bytes + Arena::kPageBytes - 1) / Arena::kPageBytes;
  all.next += (pages + 1) * Arena::kPageBytes;
  return record.data;
}

[[noreturn]] void refuse(const std::string& why, const void* place) {
  report(kind::kSharedMemory,
         fmt::format("{}: {} at {}", why, describe_thread(*running_thread), place_of(place)));
  abandon_kernel();
}

}  // namespace

void begin_shared_memory(size_t dynamic_bytes) {
  SharedMemory& all = shared();
  unmap_pages({0, all.next});
  all.arrays.clear();
  all.next = Arena::kPageBytes;
  all.static_bytes = 0;
  if (dynamic_bytes > 0) new_array(&dynamic_key, "dynamic memory", dynamic_bytes);
}

void* shared_array(const void* key, const char* name, size_t bytes) {
  SharedMemory& all = shared();
  for (const Array& array : all.arrays) {
    if (array.key == key) return array.record->data;
  }
  all.static_bytes += bytes;
  if (all.static_bytes > size_t{kSharedPerBlock}) {
    refuse(
        fmt::format("{} bytes, with those of {}, are more than {}", all.static_bytes, name, kSharedPerBlock),
        __builtin_return_address(0));
  }
  return new_array(key, name, bytes);
}

void* dynamic_shared_array() {
  const SharedMemory& all = shared();
  if (!all.arrays.empty() && all.arrays.front().key == &dynamic_key) return all.arrays.front().record->data;
  refuse("the launch gives no dynamic memory", __builtin_return_address(0));
}

}  // namespace dlengine::emulator

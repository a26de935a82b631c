// See pinned_memory.h; and the emulated CUDA runtime's functions for it. Operations run in batches between
// which only the host runs, so comparing before each batch with what was there after the last tells the
// host's writes from the device's.
#include "tests/emulator/runtime/pinned_memory.h"

#include <fmt/format.h>

#include <cstdlib>
#include <cstring>
#include <map>
#include <vector>

#include "tests/emulator/memory/memory.h"
#include "tests/emulator/report.h"
#include "tests/emulator/runtime/capture.h"
#include "tests/emulator/runtime/cudart.h"

namespace dlengine::emulator {

namespace {

struct Watch {
  char* data;
  std::vector<char> bytes;
};

std::map<OperationId, Watch>& watches() {
  static auto& all = *new std::map<OperationId, Watch>;  // used until the very end of the process
  return all;
}

std::map<const char*, size_t>& pieces() {
  static auto& all = *new std::map<const char*, size_t>;
  return all;
}

cudaError_t take(void** data, size_t bytes) {
  if (!data) return refuse(cudaErrorInvalidValue, kind::kInvalidArgument, "no place for the pointer");
  *data = nullptr;
  if (const cudaError_t error = forbid_unsafe()) return error;
  if (bytes == 0) return cudaSuccess;
  constexpr size_t kPage = 4096;
  *data = std::aligned_alloc(kPage, (bytes + kPage - 1) / kPage * kPage);
  if (!*data) return cudaErrorMemoryAllocation;
  std::memset(*data, 0xFF, bytes);
  register_pinned(*data, bytes);
  pieces()[static_cast<const char*>(*data)] = bytes;
  return cudaSuccess;
}

cudaError_t give_back(void* data) {
  if (const cudaError_t error = forbid_unsafe()) return error;
  if (!data) return cudaSuccess;
  const auto found = pieces().find(static_cast<const char*>(data));
  if (found == pieces().end()) {
    return refuse(cudaErrorInvalidValue, kind::kForeignFree,
                  fmt::format("{} is not pinned memory", describe_address(data)));
  }
  if (is_watched(found->first, found->second)) {
    refuse(cudaSuccess, kind::kPinnedChanged, "a copy of this memory has not run yet");
  }
  synchronize(clock_of_everything());
  unregister_pinned(data);
  pieces().erase(found);
  std::free(data);
  return cudaSuccess;
}

}  // namespace

bool is_pinned_range(const void* data, size_t bytes, const char* role) {
  const auto* first = static_cast<const char*>(data);
  const auto next = pieces().upper_bound(first);
  if (next != pieces().begin()) {
    const auto& [piece, size] = *std::prev(next);
    const auto offset = size_t(first - piece);
    if (offset < size && bytes <= size - offset) return true;
  }
  refuse(cudaErrorInvalidValue, kind::kOutOfBounds,
         fmt::format("{} bytes of {} leave their piece of pinned memory", bytes, role));
  return false;
}

void watch_pinned(OperationId operation, char* data, size_t bytes) {
  watches().insert_or_assign(operation, Watch{data, {data, data + bytes}});
}

void unwatch_pinned(OperationId operation) { watches().erase(operation); }

bool is_watched(const char* data, size_t bytes) {
  for (const auto& [operation, watch] : watches()) {
    if (data < watch.data + watch.bytes.size() && watch.data < data + bytes) return true;
  }
  return false;
}

void check_watched() {
  for (const auto& [operation, watch] : watches()) {
    if (std::memcmp(watch.data, watch.bytes.data(), watch.bytes.size()) == 0) continue;
    report(kind::kPinnedChanged,
           fmt::format("the host wrote pinned memory before {} ran", describe_operation(operation)));
  }
}

void refresh_watched() {
  for (auto& [operation, watch] : watches()) {
    std::memcpy(watch.bytes.data(), watch.data, watch.bytes.size());
  }
}

extern "C" cudaError_t cudaMallocHost(void** data, size_t bytes) {
  return runtime_call(__func__, [&] { return take(data, bytes); });
}

extern "C" cudaError_t cudaHostAlloc(void** data, size_t bytes, unsigned flags) {
  return runtime_call(__func__, [&] {
    if (flags & ~unsigned{cudaHostAllocPortable | cudaHostAllocMapped | cudaHostAllocWriteCombined}) {
      return refuse(cudaErrorInvalidValue, kind::kInvalidArgument, fmt::format("flags {}", flags));
    }
    return take(data, bytes);
  });
}

extern "C" cudaError_t cudaFreeHost(void* data) {
  return runtime_call(__func__, [&] { return give_back(data); });
}

}  // namespace dlengine::emulator

// The emulated CUDA runtime: taking and giving back memory, and its pool.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <unordered_map>

#include "tests/emulator/counters.h"
#include "tests/emulator/memory/memory.h"
#include "tests/emulator/runtime/cudart.h"
#include "tests/emulator/runtime/pinned_memory.h"
#include "tests/emulator/runtime/streams.h"

namespace dlengine::emulator {

namespace {

struct Piece {
  size_t bytes;
  bool of_pool;
};

struct RuntimeMemory {
  std::unordered_map<void*, Piece> pieces;  // not freed, as the host sees it
  size_t pool_used = 0, pool_reserved = 0;
  uint64_t release_threshold = 0;
};

RuntimeMemory& memory() {
  static RuntimeMemory& all = *new RuntimeMemory;  // used until the very end of the process
  return all;
}

cudaMemPool_t default_pool() {
  static const auto pool = reinterpret_cast<cudaMemPool_t>(new_handle_range());
  return pool;
}

bool is_pool(cudaMemPool_t pool) {
  if (pool == default_pool()) return true;
  refuse(cudaErrorInvalidValue, kind::kInvalidArgument, "only the default memory pool is emulated");
  return false;
}

// What was freed in the order of streams is there again when the device has come so far.
bool has_room(size_t bytes) {
  const auto fits = [&] {
    return bytes <= device_capacity() - std::min(device_capacity(), device_bytes_in_use());
  };
  if (!fits()) run_everything();
  return fits();
}

cudaError_t take(void** data, size_t bytes, OperationId born, bool of_pool) {
  *data = allocate_device(bytes, born);
  if (!*data) return cudaErrorMemoryAllocation;
  ++counters().allocations;
  memory().pieces[*data] = {bytes, of_pool};
  if (of_pool) {
    memory().pool_used += bytes;
    memory().pool_reserved = std::max(memory().pool_reserved, memory().pool_used);
  }
  return cudaSuccess;
}

// The piece, which the host from now on regards as freed.
cudaError_t give_back(void* data, Piece& piece) {
  auto& pieces = memory().pieces;
  const auto found = pieces.find(data);
  if (found == pieces.end()) {
    const auto allocation = allocation_at(data);
    if (allocation && allocation->data == data) {
      return refuse(cudaErrorInvalidValue, kind::kDoubleFree, describe_address(data));
    }
    return refuse(cudaErrorInvalidValue, kind::kForeignFree, describe_address(data));
  }
  piece = found->second;
  pieces.erase(found);
  if (piece.of_pool) memory().pool_used -= piece.bytes;
  return cudaSuccess;
}

cudaError_t free_async(void* data, cudaStream_t stream) {
  if (!find_stream(stream)) return cudaErrorInvalidResourceHandle;
  const auto found = memory().pieces.find(data);
  if (found != memory().pieces.end() && !found->second.of_pool) {
    return refuse(cudaErrorInvalidValue, kind::kForeignFree,
                  fmt::format("{} is from cudaMalloc", describe_address(data)));
  }
  Piece piece{};
  if (const cudaError_t error = give_back(data, piece)) return error;
  return enqueue_work(
      stream, {"cudaFreeAsync", OperationKind::other, [data] { free_device(data, running_operation()); }});
}

// The memory of a graph's own nodes.
cudaError_t forbid_capture(cudaStream_t handle) {
  const Stream* stream = find_stream(handle);
  if (!stream) return cudaErrorInvalidResourceHandle;
  if (!stream->capture) return cudaSuccess;
  stream->capture->invalidated = true;
  not_emulated("memory nodes of graphs");
  return cudaErrorStreamCaptureUnsupported;
}

}  // namespace

bool is_device_range(const void* data, size_t bytes, const char* role) {
  const auto allocation = allocation_at(data);
  if (!allocation) {
    refuse(cudaErrorInvalidValue, kind::kNotDeviceMemory,
           fmt::format("{} is {}", role, describe_address(data)));
    return false;
  }
  if (!memory().pieces.contains(allocation->data)) {
    refuse(cudaErrorInvalidValue, kind::kUseAfterFree, fmt::format("{} is {}", role, describe_address(data)));
    return false;
  }
  const auto offset = size_t(static_cast<const char*>(data) - allocation->data);
  if (bytes <= allocation->bytes - std::min(offset, allocation->bytes)) return true;
  refuse(cudaErrorInvalidValue, kind::kOutOfBounds,
         fmt::format("{} bytes of {} from {}", bytes, role, describe_address(data)));
  return false;
}

void release_pool_memory() {
  RuntimeMemory& all = memory();
  const uint64_t keep = std::max<uint64_t>(all.pool_used, all.release_threshold);
  all.pool_reserved = size_t(std::min<uint64_t>(all.pool_reserved, keep));
}

extern "C" cudaError_t cudaMalloc(void** data, size_t bytes) {
  return runtime_call(__func__, [&] {
    if (!data) return refuse(cudaErrorInvalidValue, kind::kInvalidArgument, "no place for the pointer");
    *data = nullptr;
    if (const cudaError_t error = forbid_unsafe()) return error;
    if (bytes == 0) return cudaSuccess;
    return has_room(bytes) ? take(data, bytes, 0, false) : cudaErrorMemoryAllocation;
  });
}

extern "C" cudaError_t cudaMallocAsync(void** data, size_t bytes, cudaStream_t stream) {
  return runtime_call(__func__, [&] {
    if (!data || bytes == 0)
      return refuse(cudaErrorInvalidValue, kind::kInvalidArgument, "no pointer, or 0 bytes");
    *data = nullptr;
    if (const cudaError_t error = forbid_capture(stream)) return error;
    if (!has_room(bytes)) return cudaErrorMemoryAllocation;
    OperationId born = 0;
    const cudaError_t error = enqueue_work(stream, {"cudaMallocAsync", OperationKind::other, [] {}}, &born);
    return error ? error : take(data, bytes, born, true);
  });
}

extern "C" cudaError_t cudaFree(void* data) {
  return runtime_call(__func__, [&] {
    if (const cudaError_t error = forbid_unsafe()) return error;
    if (!data) return cudaSuccess;
    Piece piece{};
    if (const cudaError_t error = give_back(data, piece)) return error;
    synchronize(clock_of_everything());
    free_device(data, 0);
    return cudaSuccess;
  });
}

extern "C" cudaError_t cudaFreeAsync(void* data, cudaStream_t stream) {
  return runtime_call(__func__, [&] {
    if (const cudaError_t error = forbid_capture(stream)) return error;
    return data ? free_async(data, stream) : cudaSuccess;
  });
}

extern "C" cudaError_t cudaMemGetInfo(size_t* free, size_t* total) {
  return runtime_call(__func__, [&] {
    *total = device_capacity();
    *free = device_capacity() -
            std::min(device_capacity(), device_bytes_in_use() + memory().pool_reserved - memory().pool_used);
    return cudaSuccess;
  });
}

extern "C" cudaError_t cudaDeviceGetDefaultMemPool(cudaMemPool_t* pool, int device) {
  return runtime_call(__func__, [&] {
    if (device != 0) return refuse(cudaErrorInvalidDevice, kind::kInvalidArgument, fmt::format("{}", device));
    *pool = default_pool();
    return cudaSuccess;
  });
}

extern "C" cudaError_t cudaMemPoolSetAttribute(cudaMemPool_t pool, cudaMemPoolAttr attribute, void* value) {
  return runtime_call(__func__, [&] {
    if (!is_pool(pool)) return cudaErrorInvalidValue;
    if (attribute != cudaMemPoolAttrReleaseThreshold) {
      return not_emulated(fmt::format("attribute {}", int(attribute)));
    }
    std::memcpy(&memory().release_threshold, value, sizeof(uint64_t));
    return cudaSuccess;
  });
}

extern "C" cudaError_t cudaMemPoolGetAttribute(cudaMemPool_t pool, cudaMemPoolAttr attribute, void* value) {
  return runtime_call(__func__, [&] {
    if (!is_pool(pool)) return cudaErrorInvalidValue;
    uint64_t found = 0;
    if (attribute == cudaMemPoolAttrReleaseThreshold) {
      found = memory().release_threshold;
    } else if (attribute == cudaMemPoolAttrReservedMemCurrent) {
      found = memory().pool_reserved;
    } else if (attribute == cudaMemPoolAttrUsedMemCurrent) {
      found = memory().pool_used;
    } else {
      return not_emulated(fmt::format("attribute {}", int(attribute)));
    }
    std::memcpy(value, &found, sizeof(found));
    return cudaSuccess;
  });
}

extern "C" cudaError_t cudaMemPoolTrimTo(cudaMemPool_t pool, size_t keep) {
  return runtime_call(__func__, [&] {
    if (!is_pool(pool)) return cudaErrorInvalidValue;
    memory().pool_reserved = std::max(memory().pool_used, std::min(memory().pool_reserved, keep));
    return cudaSuccess;
  });
}

}  // namespace dlengine::emulator

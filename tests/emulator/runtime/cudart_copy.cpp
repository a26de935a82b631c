// The emulated CUDA runtime: copies and fills.
#include <fmt/format.h>

#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "tests/emulator/counters.h"
#include "tests/emulator/memory/memory.h"
#include "tests/emulator/runtime/cudart.h"
#include "tests/emulator/runtime/pinned_memory.h"
#include "tests/emulator/runtime/streams.h"

namespace dlengine::emulator {

namespace {

struct Copy {
  char* to;
  const char* from;
  size_t bytes;
  cudaMemcpyKind kind;

  bool to_device() const { return is_device_address(to); }
  bool from_device() const { return is_device_address(from); }
  const char* host() const { return to_device() ? from : to; }
  bool is_pinned() const { return emulator::is_pinned(host()); }
  bool crosses() const { return to_device() != from_device(); }
};

// The direction that was named must be the pointers' own.
cudaError_t check_direction(const Copy& copy) {
  const auto need = [&](bool to_device, bool from_device) {
    if (copy.to_device() == to_device && copy.from_device() == from_device) return cudaSuccess;
    const auto side = [](bool device) { return device ? "device" : "host"; };
    return refuse(cudaErrorInvalidValue, kind::kDirection,
                  fmt::format("from {} to {}, said to be from {} to {}", side(copy.from_device()),
                              side(copy.to_device()), side(from_device), side(to_device)));
  };
  switch (copy.kind) {
    case cudaMemcpyHostToDevice: return need(true, false);
    case cudaMemcpyDeviceToHost: return need(false, true);
    case cudaMemcpyDeviceToDevice: return need(true, true);
    case cudaMemcpyDefault:
      return copy.to_device() || copy.from_device() ? cudaSuccess : not_emulated("copies inside of the host");
    case cudaMemcpyHostToHost: return not_emulated("copies inside of the host");
  }
  return refuse(cudaErrorInvalidMemcpyDirection, kind::kDirection, fmt::format("kind {}", int(copy.kind)));
}

cudaError_t check_copy(const Copy& copy) {
  if (!copy.to || !copy.from) return refuse(cudaErrorInvalidValue, kind::kInvalidArgument, "a null pointer");
  if (const cudaError_t error = check_direction(copy)) return error;
  const bool fine =
      (!copy.to_device() || is_device_range(copy.to, copy.bytes, "the destination")) &&
      (!copy.from_device() || is_device_range(copy.from, copy.bytes, "the source")) &&
      (!copy.crosses() || !copy.is_pinned() || is_pinned_range(copy.host(), copy.bytes, "the host's memory"));
  return fine ? cudaSuccess : cudaErrorInvalidValue;
}

void to_device_from(const char* from, const Copy& copy, const std::string& api) {
  unwatch_pinned(running_operation());
  if (touch(copy.to, copy.bytes, Access::write, "the destination of " + api)) {
    std::memcpy(copy.to, from, copy.bytes);
  }
}

void to_host(const Copy& copy, const std::string& api) {
  unwatch_pinned(running_operation());
  if (touch(copy.from, copy.bytes, Access::read, "the source of " + api)) {
    std::memcpy(copy.to, copy.from, copy.bytes);
  }
}

std::function<void()> run_of(const Copy& copy) {
  const std::string api = current_api();
  if (!copy.crosses()) {
    return [=] {
      if (touch_copy(copy.to, copy.from, copy.bytes, api)) std::memmove(copy.to, copy.from, copy.bytes);
    };
  }
  if (copy.from_device()) return [=] { to_host(copy, api); };
  if (copy.is_pinned()) return [=] { to_device_from(copy.from, copy, api); };
  // The runtime takes its own copy of pageable memory before it returns.
  const auto staged = std::make_shared<const std::vector<char>>(copy.from, copy.from + copy.bytes);
  return [=] { to_device_from(staged->data(), copy, api); };
}

Work work_of(const Copy& copy) {
  Work work{current_api(), OperationKind::copy, run_of(copy)};
  if (copy.crosses() && copy.is_pinned()) {
    work.on_enqueue = [copy](OperationId id) {
      // Not yet copied is seen as NaN, unless that would change what another operation is going to read.
      if (copy.from_device() && !is_watched(copy.to, copy.bytes)) std::memset(copy.to, 0xFF, copy.bytes);
      watch_pinned(id, const_cast<char*>(copy.host()), copy.bytes);
    };
  }
  return work;
}

void count(const Copy& copy) {
  counters().copied_bytes += copy.bytes;
  if (copy.crosses()) ++counters().host_device_copies;
}

cudaError_t copy_async(const Copy& copy, cudaStream_t handle) {
  const Stream* stream = find_stream(handle);
  if (!stream) return cudaErrorInvalidResourceHandle;
  if (copy.bytes == 0) return cudaSuccess;
  if (const cudaError_t error = check_copy(copy)) return error;
  const bool pageable = copy.crosses() && !copy.is_pinned();
  if (pageable && stream->capture) {
    invalidate(*stream->capture, "a graph's copy needs pinned memory");
    return cudaErrorStreamCaptureUnsupported;
  }
  if (const cudaError_t error = enqueue_work(handle, work_of(copy))) return error;
  if (stream->capture) return cudaSuccess;
  count(copy);
  if (pageable && copy.from_device()) synchronize(clock_of(stream->lane));
  return cudaSuccess;
}

// Returns when the host's memory may be used again; a copy inside of the device is not waited for.
cudaError_t copy_now(const Copy& copy) {
  if (const cudaError_t error = forbid_unsafe()) return error;
  if (const cudaError_t error = copy_async(copy, cudaStreamLegacy)) return error;
  if (copy.bytes > 0 && copy.crosses() && copy.is_pinned()) {
    synchronize(clock_of(find_stream(cudaStreamLegacy)->lane));
  }
  return cudaSuccess;
}

cudaError_t fill_async(void* data, int value, size_t bytes, cudaStream_t stream) {
  if (!find_stream(stream)) return cudaErrorInvalidResourceHandle;
  if (bytes == 0) return cudaSuccess;
  if (!is_device_range(data, bytes, "the destination")) return cudaErrorInvalidValue;
  const std::string api = current_api();
  return enqueue_work(stream, {api, OperationKind::memset, [=] {
                                 if (touch(data, bytes, Access::write, "the destination of " + api)) {
                                   std::memset(data, value, bytes);
                                 }
                               }});
}

}  // namespace

extern "C" cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind,
                                       cudaStream_t stream) {
  return runtime_call(__func__, [&] {
    return copy_async({static_cast<char*>(to), static_cast<const char*>(from), bytes, kind}, stream);
  });
}

extern "C" cudaError_t cudaMemcpy(void* to, const void* from, size_t bytes, cudaMemcpyKind kind) {
  return runtime_call(__func__, [&] {
    return copy_now({static_cast<char*>(to), static_cast<const char*>(from), bytes, kind});
  });
}

extern "C" cudaError_t cudaMemsetAsync(void* data, int value, size_t bytes, cudaStream_t stream) {
  return runtime_call(__func__, [&] { return fill_async(data, value, bytes, stream); });
}

extern "C" cudaError_t cudaMemset(void* data, int value, size_t bytes) {
  return runtime_call(__func__, [&] { return fill_async(data, value, bytes, cudaStreamLegacy); });
}

}  // namespace dlengine::emulator

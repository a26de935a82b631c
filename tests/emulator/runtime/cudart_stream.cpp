// The emulated CUDA runtime: streams, and waiting for the device.
#include <fmt/format.h>

#include <utility>

#include "tests/emulator/counters.h"
#include "tests/emulator/memory/memory.h"
#include "tests/emulator/runtime/cudart.h"
#include "tests/emulator/runtime/streams.h"

namespace dlengine::emulator {

void synchronize(const Clock& clock) {
  ++counters().synchronisations;
  host_waits(clock);
  release_pool_memory();
}

cudaError_t query(const Clock& clock) {
  if (has_run(clock)) {
    host_waits(clock);  // the host knows now
    return cudaSuccess;
  }
  run_one_towards(clock);
  return cudaErrorNotReady;
}

namespace {

cudaError_t create(cudaStream_t* handle, unsigned flags, int priority) {
  if (!handle) return refuse(cudaErrorInvalidValue, kind::kInvalidArgument, "no place for the handle");
  if (flags != cudaStreamDefault && flags != cudaStreamNonBlocking) {
    return refuse(cudaErrorInvalidValue, kind::kInvalidArgument, fmt::format("flags {}", flags));
  }
  *handle = streams().create({.blocking = flags == cudaStreamDefault, .priority = priority});
  Stream& stream = *streams().find(*handle);
  stream.lane = new_lane(fmt::format("stream {}", streams().number(*handle)));
  return cudaSuccess;
}

cudaError_t destroy(cudaStream_t handle) {
  Stream* stream = streams().find(handle);
  if (!stream) return cudaErrorInvalidResourceHandle;
  if (stream->capture) {
    invalidate(*stream->capture, "the stream is being captured");
    return cudaErrorStreamCaptureUnsupported;
  }
  retire_lane(stream->lane);  // what waits there still runs
  streams().destroy(handle);
  return cudaSuccess;
}

// Of a stream whose state the host may ask for.
cudaError_t find_waitable(cudaStream_t handle, Stream*& stream) {
  stream = find_stream(handle);
  if (!stream) return cudaErrorInvalidResourceHandle;
  if (stream->capture) return forbid_query(*stream->capture);
  return check_usable(*stream);
}

cudaError_t call_host(cudaStream_t stream, cudaHostFn_t function, void* data) {
  if (!function) return refuse(cudaErrorInvalidValue, kind::kInvalidArgument, "no function");
  return enqueue_work(stream, {"a host function", OperationKind::other, [=] {
                                 close_device_memory();  // it is host code like any other
                                 function(data);
                                 open_device_memory();
                               }});
}

}  // namespace

extern "C" cudaError_t cudaStreamCreate(cudaStream_t* stream) {
  return runtime_call(__func__, [&] { return create(stream, cudaStreamDefault, 0); });
}

extern "C" cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags) {
  return runtime_call(__func__, [&] { return create(stream, flags, 0); });
}

extern "C" cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  return runtime_call(__func__, [&] { return destroy(stream); });
}

extern "C" cudaError_t cudaStreamSynchronize(cudaStream_t handle) {
  return runtime_call(__func__, [&] {
    Stream* stream = nullptr;
    if (const cudaError_t error = find_waitable(handle, stream)) return error;
    synchronize(clock_of(stream->lane));
    return cudaSuccess;
  });
}

extern "C" cudaError_t cudaStreamQuery(cudaStream_t handle) {
  return runtime_call(__func__, [&] {
    Stream* stream = nullptr;
    if (const cudaError_t error = find_waitable(handle, stream)) return error;
    return query(clock_of(stream->lane));
  });
}

extern "C" cudaError_t cudaLaunchHostFunc(cudaStream_t stream, cudaHostFn_t function, void* data) {
  return runtime_call(__func__, [&] { return call_host(stream, function, data); });
}

extern "C" cudaError_t cudaDeviceSynchronize() {
  return runtime_call(__func__, [&] {
    if (const cudaError_t error = forbid_device_wait()) return error;
    synchronize(clock_of_everything());
    return cudaSuccess;
  });
}

}  // namespace dlengine::emulator

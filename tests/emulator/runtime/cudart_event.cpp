// The emulated CUDA runtime: events.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>

#include "tests/emulator/runtime/cudart.h"
#include "tests/emulator/runtime/streams.h"

namespace dlengine::emulator {

namespace {

using Milliseconds = std::chrono::duration<float, std::milli>;

cudaError_t create(cudaEvent_t* event, unsigned flags) {
  if (!event) return refuse(cudaErrorInvalidValue, kind::kInvalidArgument, "no place for the handle");
  if (flags & ~unsigned{cudaEventBlockingSync | cudaEventDisableTiming}) {
    return not_emulated(fmt::format("event flags {}", flags));
  }
  *event = events().create({.timed = !(flags & cudaEventDisableTiming)});
  return cudaSuccess;
}

cudaError_t record(cudaEvent_t event_handle, cudaStream_t stream_handle) {
  Event* event = events().find(event_handle);
  const Stream* stream = find_stream(stream_handle);
  if (!event || !stream) return cudaErrorInvalidResourceHandle;
  if (const cudaError_t error = check_usable(*stream)) return error;
  event->recorded = true;
  event->capture = stream->capture;
  event->frontier = stream->frontier;
  if (stream->capture) return cudaSuccess;
  const auto time = std::make_shared<EventTime>();
  const auto run = [time] { *time = std::chrono::steady_clock::now(); };
  if (const cudaError_t error = enqueue_work(stream_handle, {"cudaEventRecord", OperationKind::other, run}))
    return error;
  event->time = time;
  event->clock = clock_of(stream->lane);
  return cudaSuccess;
}

cudaError_t never_recorded() { return refuse(cudaSuccess, kind::kNeverRecorded, "nothing to wait for"); }

// The waiting stream's work becomes part of the event's capture.
cudaError_t wait_in_capture(Stream& stream, const Event& event) {
  Capture& capture = *event.capture;
  if (!capture.active) {
    return refuse(cudaErrorCapturedEvent, kind::kCapturedEvent, "its capture has ended");
  }
  if (stream.is_legacy) return forbid_legacy_stream();
  if (stream.capture && stream.capture != event.capture) {
    invalidate(*stream.capture, "the event belongs to another capture");
    capture.invalidated = true;
    return cudaErrorStreamCaptureMerge;
  }
  stream.capture = event.capture;
  capture.blocking |= stream.blocking;
  stream.frontier.insert(event.frontier.begin(), event.frontier.end());
  return cudaSuccess;
}

cudaError_t wait(cudaStream_t stream_handle, cudaEvent_t event_handle, unsigned flags) {
  Stream* stream = find_stream(stream_handle);
  const Event* event = events().find(event_handle);
  if (!stream || !event) return cudaErrorInvalidResourceHandle;
  if (flags != cudaEventWaitDefault) return not_emulated(fmt::format("flags {}", flags));
  if (const cudaError_t error = check_usable(*stream)) return error;
  if (!event->recorded) return never_recorded();
  if (event->capture) return wait_in_capture(*stream, *event);
  if (stream->capture) {
    invalidate(*stream->capture, "the event was recorded outside of the capture");
    return cudaErrorStreamCaptureIsolation;
  }
  lane_waits(stream->lane, event->clock);
  return cudaSuccess;
}

// An event whose state the host may ask for.
cudaError_t find_waitable(cudaEvent_t handle, Event*& event) {
  event = events().find(handle);
  if (!event) return cudaErrorInvalidResourceHandle;
  if (!event->capture) return cudaSuccess;
  if (event->capture->active) (void)forbid_query(*event->capture);
  return refuse(cudaErrorCapturedEvent, kind::kCapturedEvent, "it stands for a place in a graph");
}

cudaError_t elapsed(float* milliseconds, cudaEvent_t first, cudaEvent_t last) {
  Event *start = nullptr, *stop = nullptr;
  if (const cudaError_t error = find_waitable(first, start)) return error;
  if (const cudaError_t error = find_waitable(last, stop)) return error;
  if (!start->timed || !stop->timed || !start->recorded || !stop->recorded) {
    return refuse(cudaErrorInvalidResourceHandle, kind::kInvalidArgument,
                  "an event was never recorded, or without timing");
  }
  if (!has_run(start->clock) || !has_run(stop->clock)) return cudaErrorNotReady;
  *milliseconds = Milliseconds(**stop->time - **start->time).count();
  return cudaSuccess;
}

}  // namespace

extern "C" cudaError_t cudaEventCreate(cudaEvent_t* event) {
  return runtime_call(__func__, [&] { return create(event, cudaEventDefault); });
}

extern "C" cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned flags) {
  return runtime_call(__func__, [&] { return create(event, flags); });
}

extern "C" cudaError_t cudaEventDestroy(cudaEvent_t event) {
  return runtime_call(__func__,
                      [&] { return events().destroy(event) ? cudaSuccess : cudaErrorInvalidResourceHandle; });
}

extern "C" cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  return runtime_call(__func__, [&] { return record(event, stream); });
}

extern "C" cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned flags) {
  return runtime_call(__func__, [&] { return wait(stream, event, flags); });
}

extern "C" cudaError_t cudaEventSynchronize(cudaEvent_t handle) {
  return runtime_call(__func__, [&] {
    Event* event = nullptr;
    if (const cudaError_t error = find_waitable(handle, event)) return error;
    if (!event->recorded) return never_recorded();
    synchronize(event->clock);
    return cudaSuccess;
  });
}

extern "C" cudaError_t cudaEventQuery(cudaEvent_t handle) {
  return runtime_call(__func__, [&] {
    Event* event = nullptr;
    if (const cudaError_t error = find_waitable(handle, event)) return error;
    return event->recorded ? query(event->clock) : never_recorded();
  });
}

extern "C" cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t first, cudaEvent_t last) {
  return runtime_call(__func__, [&] { return elapsed(milliseconds, first, last); });
}

}  // namespace dlengine::emulator

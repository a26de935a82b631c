// The emulated device's streams and events.
#pragma once

#include <cuda_runtime_api.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "tests/emulator/runtime/capture.h"
#include "tests/emulator/runtime/handles.h"
#include "tests/emulator/runtime/lanes.h"

namespace dlengine::emulator {

struct Stream {
  Lane lane = 0;
  bool is_legacy = false;
  bool blocking = true;  // ordered with the legacy default stream
  int priority = 0;
  std::shared_ptr<Capture> capture = nullptr;  // null unless it is being captured
  GraphFrontier frontier = {};                 // what the next captured node depends on
};

/// When an event's operation ran; shared with the operation, which may outlive the event.
using EventTime = std::optional<std::chrono::steady_clock::time_point>;

struct Event {
  bool timed = true;
  bool recorded = false;
  Clock clock = {};                            // what it stands for
  std::shared_ptr<EventTime> time = nullptr;   // of the last record
  std::shared_ptr<Capture> capture = nullptr;  // where it was last recorded, if in a capture
  GraphFrontier frontier = {};
};

Handles<cudaStream_t, Stream>& streams();
Handles<cudaEvent_t, Event>& events();

/// The default stream for 0. Null, and a report, if the handle is not live.
Stream* find_stream(cudaStream_t handle);
/// What an operation enqueued on the stream now would come after.
Clock clock_for(const Stream& stream);
/// Enqueues or captures. `id` may be null; it is 0 for a captured operation.
cudaError_t enqueue_work(cudaStream_t stream, Work work, OperationId* id = nullptr);
/// Whether the stream can take work now: reports what forbids it.
cudaError_t check_usable(const Stream& stream);

}  // namespace dlengine::emulator

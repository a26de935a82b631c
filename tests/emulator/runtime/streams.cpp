// See streams.h and timeline.h.
#include "tests/emulator/runtime/streams.h"

#include <fmt/format.h>

#include <utility>

#include "tests/emulator/counters.h"
#include "tests/emulator/lock.h"

namespace dlengine::emulator {

namespace {

Stream& legacy_stream() {
  static Stream& stream =
      *new Stream{.lane = new_lane("the default stream"), .is_legacy = true};  // until the very end
  return stream;
}

void count(const Work& work) {
  switch (work.kind) {
    case OperationKind::kernel: ++counters().kernels; return;
    case OperationKind::library_call: ++counters().library_calls; return;
    case OperationKind::copy: ++counters().copies; return;
    case OperationKind::memset: ++counters().memsets; return;
    case OperationKind::other: return;
  }
}

cudaGraphNode_t new_node_handle() {
  static uintptr_t last = new_handle_range();
  return reinterpret_cast<cudaGraphNode_t>(last += 16);
}

}  // namespace

Handles<cudaStream_t, Stream>& streams() {
  static auto& all = *new Handles<cudaStream_t, Stream>("stream");
  return all;
}

Handles<cudaEvent_t, Event>& events() {
  static auto& all = *new Handles<cudaEvent_t, Event>("event");
  return all;
}

Stream* find_stream(cudaStream_t handle) {
  if (handle == nullptr || handle == cudaStreamLegacy) return &legacy_stream();
  return streams().find(handle);
}

Clock clock_for(const Stream& stream) {
  Clock clock = clock_of(stream.lane);
  clock.merge(host_clock());
  if (stream.is_legacy) {
    for (const auto& [handle, other] : streams()) {
      if (other.blocking) clock.merge(clock_of(other.lane));
    }
  } else if (stream.blocking) {
    clock.merge(clock_of(legacy_stream().lane));
  }
  return clock;
}

cudaError_t check_usable(const Stream& stream) {
  if (stream.capture && stream.capture->invalidated) return cudaErrorStreamCaptureInvalidated;
  return stream.is_legacy ? forbid_legacy_stream() : cudaSuccess;
}

cudaError_t enqueue_work(cudaStream_t handle, Work work, OperationId* id) {
  if (id) *id = 0;
  Stream* stream = find_stream(handle);
  if (!stream) return cudaErrorInvalidResourceHandle;
  if (const cudaError_t error = check_usable(*stream)) return error;
  if (stream->capture) {
    std::vector<GraphNode>& nodes = stream->capture->nodes;
    const auto node = uint32_t(nodes.size());
    nodes.push_back({new_node_handle(), std::make_shared<const Work>(std::move(work)),
                     std::exchange(stream->frontier, GraphFrontier{node})});
    return cudaSuccess;
  }
  count(work);
  const OperationId operation =
      append(stream->lane, clock_for(*stream), std::make_shared<const Work>(std::move(work)));
  if (id) *id = operation;
  return cudaSuccess;
}

cudaError_t enqueue(cudaStream_t stream, std::string name, std::function<void()> work, OperationKind kind) {
  const std::lock_guard lock(emulator_mutex());
  return enqueue_work(stream, {std::move(name), kind, std::move(work), {}});
}

}  // namespace dlengine::emulator

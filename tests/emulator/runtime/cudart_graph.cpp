// The emulated CUDA runtime: capturing and launching graphs.
#include <fmt/format.h>

#include <cstddef>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "tests/emulator/counters.h"
#include "tests/emulator/runtime/cudart.h"
#include "tests/emulator/runtime/streams.h"

namespace dlengine::emulator {

namespace {

struct Graph {
  std::vector<GraphNode> nodes;  // each after those that it depends on
};

struct ExecutableGraph {
  std::vector<GraphNode> nodes;
  std::vector<Lane> lanes = {};      // of each node
  std::vector<Lane> all_lanes = {};  // each once
  Clock last_launch = {};            // launches come one after the other, whatever their streams
};

Handles<cudaGraph_t, Graph>& graphs() {
  static auto& all = *new Handles<cudaGraph_t, Graph>("graph");
  return all;
}

Handles<cudaGraphExec_t, ExecutableGraph>& executable_graphs() {
  static auto& all = *new Handles<cudaGraphExec_t, ExecutableGraph>("executable graph");
  return all;
}

cudaError_t begin(cudaStream_t handle, cudaStreamCaptureMode mode) {
  Stream* stream = find_stream(handle);
  if (!stream) return cudaErrorInvalidResourceHandle;
  if (stream->is_legacy) {
    return refuse(cudaErrorStreamCaptureUnsupported, kind::kInCapture,
                  "the default stream cannot be captured");
  }
  if (stream->capture) {
    return refuse(cudaErrorIllegalState, kind::kInCapture, "the stream is being captured already");
  }
  stream->capture = std::make_shared<Capture>(Capture{
      .origin = handle, .mode = mode, .thread = std::this_thread::get_id(), .blocking = stream->blocking});
  stream->frontier.clear();
  begin_capture(stream->capture);
  return cudaSuccess;
}

// Whether all nodes come before the end of the capture's first stream.
bool is_joined(const Capture& capture, const GraphFrontier& end) {
  std::vector<bool> reached(capture.nodes.size());
  for (const uint32_t node : end) reached[node] = true;
  for (size_t node = capture.nodes.size(); node-- > 0;) {
    if (!reached[node]) return false;  // what would come after it was looked at before
    for (const uint32_t earlier : capture.nodes[node].dependencies) reached[earlier] = true;
  }
  return true;
}

cudaError_t end(cudaStream_t handle, cudaGraph_t* graph) {
  Stream* stream = find_stream(handle);
  if (!stream) return cudaErrorInvalidResourceHandle;
  *graph = nullptr;
  const std::shared_ptr<Capture> capture = stream->capture;
  if (!capture) return refuse(cudaErrorIllegalState, kind::kInCapture, "the stream is not captured");
  if (capture->origin != handle) {
    invalidate(*capture, "it began on another stream");
    return cudaErrorStreamCaptureUnmatched;
  }
  if (capture->mode != cudaStreamCaptureModeRelaxed && capture->thread != std::this_thread::get_id()) {
    invalidate(*capture, "another thread began it");
    return cudaErrorStreamCaptureWrongThread;
  }
  const GraphFrontier last = stream->frontier;
  end_capture(*capture);
  for (auto& [other, state] : streams()) {
    if (state.capture != capture) continue;
    state.capture = nullptr;
    state.frontier.clear();
  }
  if (capture->invalidated) return cudaErrorStreamCaptureInvalidated;
  if (!is_joined(*capture, last)) {
    return refuse(cudaErrorStreamCaptureUnjoined, kind::kUnjoined,
                  "the capture's first stream does not wait for all work of the others");
  }
  *graph = graphs().create({std::move(capture->nodes)});
  return cudaSuccess;
}

// Covers the nodes with chains in which each depends on the one before it, and gives each chain a lane.
void assign_lanes(ExecutableGraph& graph, const std::string& label) {
  std::vector<bool> is_last(graph.nodes.size(), true);  // of its chain
  for (uint32_t node = 0; node < graph.nodes.size(); ++node) {
    graph.lanes.push_back(~Lane{0});
    for (const uint32_t earlier : graph.nodes[node].dependencies) {
      if (!is_last[earlier]) continue;
      is_last[earlier] = false;
      graph.lanes[node] = graph.lanes[earlier];
      break;
    }
    if (graph.lanes[node] != ~Lane{0}) continue;
    graph.lanes[node] = new_lane(label);
    graph.all_lanes.push_back(graph.lanes[node]);
  }
}

cudaError_t instantiate(cudaGraphExec_t* handle, cudaGraph_t graph_handle, unsigned long long flags) {
  const Graph* graph = graphs().find(graph_handle);
  if (!graph || !handle) return cudaErrorInvalidValue;
  if (flags != 0) return not_emulated(fmt::format("flags {}", flags));
  *handle = executable_graphs().create({.nodes = graph->nodes});
  ExecutableGraph& executable = *executable_graphs().find(*handle);
  assign_lanes(executable, fmt::format("graph {}", executable_graphs().number(*handle)));
  return cudaSuccess;
}

cudaError_t launch(cudaGraphExec_t handle, cudaStream_t stream_handle) {
  ExecutableGraph* graph = executable_graphs().find(handle);
  const Stream* stream = find_stream(stream_handle);
  if (!graph || !stream) return cudaErrorInvalidResourceHandle;
  if (stream->capture) {
    stream->capture->invalidated = true;
    not_emulated("graphs inside of graphs");
    return cudaErrorStreamCaptureUnsupported;
  }
  if (const cudaError_t error = check_usable(*stream)) return error;
  Clock before = clock_for(*stream);
  before.merge(graph->last_launch);
  std::vector<Clock> clocks;  // of each node
  clocks.reserve(graph->nodes.size());
  for (size_t i = 0; i < graph->nodes.size(); ++i) {
    Clock clock = before;
    for (const uint32_t earlier : graph->nodes[i].dependencies) clock.merge(clocks[earlier]);
    append(graph->lanes[i], clock, graph->nodes[i].work);
    clocks.push_back(clock_of(graph->lanes[i]));
    lane_waits(stream->lane, clocks.back());
    graph->last_launch.merge(clocks.back());
  }
  ++counters().graph_launches;
  counters().graph_nodes += graph->nodes.size();
  return cudaSuccess;
}

cudaError_t get_nodes(cudaGraph_t handle, cudaGraphNode_t* nodes, size_t* count) {
  const Graph* graph = graphs().find(handle);
  if (!graph || !count) return cudaErrorInvalidValue;
  if (nodes) {
    for (size_t i = 0; i < *count; ++i) {
      nodes[i] = i < graph->nodes.size() ? graph->nodes[i].handle : nullptr;
    }
  }
  if (!nodes || *count > graph->nodes.size()) *count = graph->nodes.size();
  return cudaSuccess;
}

cudaError_t destroy(cudaGraphExec_t handle) {
  const ExecutableGraph* graph = executable_graphs().find(handle);
  if (!graph) return cudaErrorInvalidValue;
  for (const Lane lane : graph->all_lanes) retire_lane(lane);
  executable_graphs().destroy(handle);
  return cudaSuccess;
}

cudaError_t is_capturing(cudaStream_t handle, cudaStreamCaptureStatus* status) {
  const Stream* stream = find_stream(handle);
  if (!stream) return cudaErrorInvalidResourceHandle;
  if (!status) return refuse(cudaErrorInvalidValue, kind::kInvalidArgument, "no place for the status");
  if (stream->is_legacy && legacy_stream_is_blocked()) return cudaErrorStreamCaptureImplicit;
  *status = !stream->capture               ? cudaStreamCaptureStatusNone
            : stream->capture->invalidated ? cudaStreamCaptureStatusInvalidated
                                           : cudaStreamCaptureStatusActive;
  return cudaSuccess;
}

}  // namespace

extern "C" cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode) {
  return runtime_call(__func__, [&] { return begin(stream, mode); });
}

extern "C" cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  return runtime_call(__func__, [&] { return end(stream, graph); });
}

extern "C" cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus* status) {
  return runtime_call(__func__, [&] { return is_capturing(stream, status); });
}

extern "C" cudaError_t cudaGraphInstantiate(cudaGraphExec_t* executable, cudaGraph_t graph,
                                            unsigned long long flags) {
  return runtime_call(__func__, [&] { return instantiate(executable, graph, flags); });
}

extern "C" cudaError_t cudaGraphLaunch(cudaGraphExec_t graph, cudaStream_t stream) {
  return runtime_call(__func__, [&] { return launch(graph, stream); });
}

extern "C" cudaError_t cudaGraphGetNodes(cudaGraph_t graph, cudaGraphNode_t* nodes, size_t* count) {
  return runtime_call(__func__, [&] { return get_nodes(graph, nodes, count); });
}

extern "C" cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  return runtime_call(__func__,
                      [&] { return graphs().destroy(graph) ? cudaSuccess : cudaErrorInvalidValue; });
}

extern "C" cudaError_t cudaGraphExecDestroy(cudaGraphExec_t graph) {
  return runtime_call(__func__, [&] { return destroy(graph); });
}

}  // namespace dlengine::emulator

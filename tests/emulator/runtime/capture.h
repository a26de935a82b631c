// Capturing streams into graphs.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "tests/emulator/runtime/lanes.h"

namespace dlengine::emulator {

/// Nodes of a graph that later ones depend on.
using GraphFrontier = std::set<uint32_t>;

struct GraphNode {
  cudaGraphNode_t handle;
  std::shared_ptr<const Work> work;
  GraphFrontier dependencies;  // earlier nodes
};

struct Capture {
  cudaStream_t origin;
  cudaStreamCaptureMode mode;
  std::thread::id thread;  // that began it
  bool active = true;
  bool invalidated = false;
  bool blocking = false;  // one of its streams is ordered with the legacy default stream
  std::vector<GraphNode> nodes = {};
};

/// True while a stream that is ordered with the default stream is being captured.
bool legacy_stream_is_blocked();

/// Marks the capture as failed and files a report.
void invalidate(Capture& capture, const std::string& why);

/// cudaSuccess, unless a capture that is going on forbids the current API call: one that may wait for the
/// device or take memory; or one that uses the default stream; or one that waits for all streams.
cudaError_t forbid_unsafe();
cudaError_t forbid_legacy_stream();
cudaError_t forbid_device_wait();
/// The same for waiting for, or asking for the state of, one stream or event of the capture.
cudaError_t forbid_query(Capture& capture);

void begin_capture(const std::shared_ptr<Capture>& capture);
void end_capture(Capture& capture);

}  // namespace dlengine::emulator

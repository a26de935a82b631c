// Streams, and which operation is certain to come before which.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>
#include <functional>
#include <string>

namespace dlengine::emulator {

/// Counts all operations that were ever enqueued, from 1; 0 is the host.
using OperationId = uint32_t;

/// The operation that is running, or 0.
OperationId running_operation();

/// True if streams, events, graph edges or waits of the host put `earlier` before the running operation
/// (before the host's next call, where none runs), whatever the execution mode.
bool precedes_running(OperationId earlier);

/// "relu_kernel on stream 2", for reports.
std::string describe_operation(OperationId operation);

/// What is counted; see Control::Counters.
enum class OperationKind { kernel, library_call, copy, memset, other };

/// Appends an operation to the stream, or to the graph that the stream is capturing. The work runs when the
/// execution mode says so, once for each replay of a graph.
cudaError_t enqueue(cudaStream_t stream, std::string name, std::function<void()> work,
                    OperationKind kind = OperationKind::kernel);

}  // namespace dlengine::emulator

// Pinned host memory, and what a copy does with it between its enqueuing and its running.
#pragma once

#include <cstddef>

#include "tests/emulator/runtime/timeline.h"

namespace dlengine::emulator {

/// All bytes lie in one piece from cudaMallocHost; else a report.
bool is_pinned_range(const void* data, size_t bytes, const char* role);

/// Until the operation runs, the host must not write this memory, which the operation reads or writes.
void watch_pinned(OperationId operation, char* data, size_t bytes);
/// The operation runs.
void unwatch_pinned(OperationId operation);
/// True if an operation that has not run reads or writes part of it.
bool is_watched(const char* data, size_t bytes);

/// Before operations run: reports what the host changed.
void check_watched();
/// After operations ran: what they changed is right.
void refresh_watched();

}  // namespace dlengine::emulator

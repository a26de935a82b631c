// The device's memory: where it lies, who may touch it, and what is known of every byte.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "tests/emulator/runtime/timeline.h"

namespace dlengine::emulator {

enum class Access { read, write };

/// A piece that cudaMalloc or cudaMallocAsync gave out.
struct Allocation {
  uint64_t number;  // counts from 1, for reports
  char* data;
  size_t bytes;
  bool freed;
};

/// Uninitialised device memory, aligned to 512 bytes; null if the device's capacity would be exceeded. Work
/// that does not come after `born` must not touch it.
void* allocate_device(size_t bytes, OperationId born);
/// From now on nobody may touch it; a use that is not ordered before `died` is reported.
void free_device(void* data, OperationId died);
/// The allocation, live or freed, in whose range the address lies.
std::optional<Allocation> allocation_at(const void* address);
bool is_device_address(const void* address);
size_t device_bytes_in_use();
size_t device_capacity();
void set_device_capacity(size_t bytes);
size_t live_allocations();

/// Host memory that kernels may touch as well (cudaMallocHost).
void register_pinned(void* data, size_t bytes);
void unregister_pinned(void* data);
bool is_pinned(const void* address);

/// The host's access to device memory is a report and a signal while it is closed, which it is unless a batch
/// of operations runs. Nests.
void open_device_memory();
void close_device_memory();

/// The running operation's access of [address, address + bytes), checked for bounds, initialisation and
/// races. `what` names the operand in reports ("A of cublasLtMatmul"). Returns whether it may go on.
bool touch(const void* address, size_t bytes, Access access, const std::string& what);
/// The same without asking for initialised bytes, and copying which bytes are initialised along: for copies
/// between device addresses.
bool touch_copy(void* to, const void* from, size_t bytes, const std::string& what);

/// "allocation 17 [2048 bytes] + 4", for reports.
std::string describe_address(const void* address);

}  // namespace dlengine::emulator

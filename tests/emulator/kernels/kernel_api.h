// What kernels call when g++ compiles them; device.h gives it CUDA's names.
#pragma once

#include <vector_types.h>

#include <cstddef>
#include <cstdint>

#include "tests/emulator/kernels/kernel_thread.h"

namespace dlengine::emulator {

// They return the same value as long as a thread runs, so the compiler may keep it.
[[gnu::const]] uint3 thread_index() noexcept;
[[gnu::const]] uint3 block_index() noexcept;
[[gnu::const]] dim3 block_size() noexcept;
[[gnu::const]] dim3 grid_size() noexcept;

/// In the warp.
[[gnu::const]] uint32_t lane_number() noexcept;

/// Waits until all threads of the block that have not ended are here. Returns in how many of them the
/// predicate is true.
unsigned wait_at_barrier(bool predicate, const Site& site);

/// Waits until all lanes of the mask are here; returns the operation's result.
uint64_t warp_call(const WarpCall& call);

/// The running thread's fence.
void memory_fence();

/// To be called before an atomic operation, with the return address into the kernel.
void check_atomic(const void* address, size_t bytes, const void* place);

/// The block's array of that name: one for each key.
void* shared_array(const void* key, const char* name, size_t bytes);
void* dynamic_shared_array();

}  // namespace dlengine::emulator

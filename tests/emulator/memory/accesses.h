// Every load and store of a kernel.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tests/emulator/kernels/kernel_thread.h"

namespace dlengine::emulator {

enum class AccessKind : unsigned char { read, write, atomic };

/// The same for what is not on the thread's own stack.
void check_memory_access(const void* address, size_t bytes, AccessKind access, const void* place);

/// The running kernel thread, if there is one, is about to touch [address, address + bytes). `place` is the
/// return address into its code. Does not return if the kernel cannot go on.
inline void check_access(const void* address, size_t bytes, AccessKind access, const void* place) {
  const KernelThread* const thread = running_thread;
  if (!thread) return;  // the host's part of a file with kernels
  if (uintptr_t(address) - uintptr_t(thread->stack) < kFiberStackBytes) return;
  check_memory_access(address, bytes, access, place);
}

/// Memory outside of the device's that the running kernel may read: its parameters.
void set_kernel_arguments(const void* data, size_t bytes);

/// The running kernel thread is at `place` and cannot go on: ends the kernel.
[[noreturn]] void abandon_kernel();

}  // namespace dlengine::emulator

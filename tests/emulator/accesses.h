// Every load and store of a kernel.
#pragma once

#include <cstddef>

namespace dlengine::emulator {

enum class AccessKind : unsigned char { read, write, atomic };

/// The running kernel thread, if there is one, is about to touch [address, address + bytes). `place` is the
/// return address into its code. Does not return if the kernel cannot go on.
void check_access(const void* address, size_t bytes, AccessKind access, const void* place);

/// Memory outside of the device's that the running kernel may read: its parameters.
void set_kernel_arguments(const void* data, size_t bytes);

/// The running kernel thread is at `place` and cannot go on: ends the kernel.
[[noreturn]] void abandon_kernel();

}  // namespace dlengine::emulator

// What was set for single kernels.
#pragma once

#include <cstddef>

namespace dlengine::emulator {

/// Bytes of dynamic shared memory that a launch of the kernel may ask for: 48 KiB unless cudaFuncSetAttribute
/// raised it.
size_t dynamic_shared_limit(const void* kernel);

}  // namespace dlengine::emulator

// Shared memory of the running kernel's blocks.
#pragma once

#include <cstddef>

namespace dlengine::emulator {

/// A kernel starts, with so much dynamic shared memory.
void begin_shared_memory(size_t dynamic_bytes);

}  // namespace dlengine::emulator

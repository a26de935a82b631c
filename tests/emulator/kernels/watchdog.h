// Finds a thread of a kernel that runs without end.
#pragma once

#include <cstdint>

namespace dlengine::emulator {

inline constinit uint32_t accesses_to_next_look = 0;

/// The clock is looked at now and then. Ends the kernel if one thread ran longer than DLENGINE_EMU_WATCHDOG
/// seconds (10) without waiting for others.
void look_at_progress(const void* place);

/// For every access.
inline void watch_progress(const void* place) {
  if (accesses_to_next_look-- == 0) [[unlikely]]
    look_at_progress(place);
}

}  // namespace dlengine::emulator

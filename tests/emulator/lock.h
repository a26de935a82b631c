// One lock for the whole emulated device.
#pragma once

#include <mutex>

namespace dlengine::emulator {

/// Held during every API call and while operations run.
std::recursive_mutex& emulator_mutex();

}  // namespace dlengine::emulator

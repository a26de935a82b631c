// The start of the emulated device in a process.
#pragma once

namespace dlengine::emulator {

/// Once, at the first API call: reads the environment's settings, and has the reports that nobody takes
/// printed when the process ends.
void start();

}  // namespace dlengine::emulator

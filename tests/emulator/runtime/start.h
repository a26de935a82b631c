// The start of the emulated device in a process.
#pragma once

namespace dlengine::emulator {

/// Once, at the first API call: reads the environment's settings, and has the reports that nobody takes
/// printed when the process ends.
void start();

/// At the end of each API call: ends the process if something was reported and DLENGINE_EMU_DIE=1 asks for
/// that.
void die_if_asked();

}  // namespace dlengine::emulator

// Signals that mean that a program touched memory which it must not touch.
#pragma once

#include <cstdint>

namespace dlengine::emulator {

/// From now on a SIGSEGV on device memory, or on the end of a fiber's stack, ends the process with a report
/// on stderr. Others go to the handler that was there before.
void install_fault_handler();
/// Gives the calling thread a stack for signals, unless it has one: a fiber whose stack is full needs it.
void provide_signal_stack();

}  // namespace dlengine::emulator

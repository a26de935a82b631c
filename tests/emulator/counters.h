// What the emulated device counts for tests.
#pragma once

#include "tests/emulator/control.h"

namespace dlengine::emulator {

Control::Counters& counters();

}  // namespace dlengine::emulator

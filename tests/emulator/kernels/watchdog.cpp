// See watchdog.h.
#include "tests/emulator/kernels/watchdog.h"

#include <fmt/format.h>

#include <chrono>
#include <cstdlib>

#include "tests/emulator/kernels/block.h"
#include "tests/emulator/kernels/running_kernel.h"
#include "tests/emulator/memory/accesses.h"
#include "tests/emulator/report.h"

namespace dlengine::emulator {

namespace {

using Clock = std::chrono::steady_clock;

// When it was first seen that the thread that now runs does.
struct Seen {
  uint64_t switches = 0;
  Clock::time_point since;
};
constinit Seen seen{};

double limit_in_seconds() {
  const char* const setting = std::getenv("DLENGINE_EMU_WATCHDOG");
  return setting ? std::atof(setting) : 10;
}

}  // namespace

void look_at_progress(const void* place) {
  constexpr uint32_t kAccesses = 1 << 20;  // about 20 ms
  accesses_to_next_look = kAccesses;
  const Clock::time_point now = Clock::now();
  if (const uint64_t switches = running_block().switches(); switches != seen.switches) {
    seen = {switches, now};
    return;
  }
  const double seconds = std::chrono::duration<double>(now - seen.since).count();
  if (seconds < limit_in_seconds()) return;
  report(kind::kSpinning, fmt::format("{} has run for {:.1f} s at {}", describe_thread(*running_thread),
                                      seconds, place_of(place)));
  abandon_kernel();
}

}  // namespace dlengine::emulator

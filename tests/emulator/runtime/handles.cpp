// See handles.h.
#include "tests/emulator/runtime/handles.h"

namespace dlengine::emulator {

namespace {

size_t live = 0;

}  // namespace

uintptr_t new_handle_range() {
  constexpr uintptr_t kFirst = uintptr_t{0xE0} << 56, kRange = uintptr_t{1} << 40;  // no address looks so
  static uintptr_t next = kFirst;
  next += kRange;
  return next - kRange;
}

size_t live_handles() { return live; }

void count_live_handle(int change) { live += size_t(change); }

}  // namespace dlengine::emulator

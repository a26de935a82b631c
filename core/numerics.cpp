// Choices between speed and the last bits of a result.
#include "dlengine/core/numerics.h"

#include <atomic>
#include <cstdlib>
#include <string_view>

namespace dlengine {

namespace {

std::atomic<bool>& winograd() {
  const char* text = std::getenv("DLENGINE_WINOGRAD");
  static std::atomic<bool> on = !text || std::string_view(text) != "0";
  return on;
}

}  // namespace

bool winograd_enabled() { return winograd(); }
void set_winograd_enabled(bool on) { winograd() = on; }

}  // namespace dlengine

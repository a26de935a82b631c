// Device names, and the choice of one.
#include "dlengine/core/device.h"

#include <charconv>
#include <cstdlib>
#include <ostream>

#include "dlengine/core/backend.h"
#include "dlengine/core/check.h"

namespace dlengine {

Device Device::parse(std::string_view text) {
  if (text == "best") return best();
  if (text == "cpu") return kCpu;
  Device device{DeviceKind::cuda, 0};
  bool known = text == "cuda";
  if (text.starts_with("cuda:")) {
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data() + 5, end, device.index);
    known = error == std::errc() && stop == end && device.index >= 0;
  }
  check<ValueError>(known, "device \"{}\" is not known; use cpu, cuda, cuda:<number> or best", text);
  backend_for(device);  // throws, with the reason, if it is not there
  return device;
}

Device Device::best() {
  if (const char* wanted = std::getenv("DLENGINE_DEVICE");
      wanted && *wanted && std::string_view(wanted) != "best") {
    return parse(wanted);
  }
  const Device cuda{DeviceKind::cuda, 0};
  return is_available(cuda) ? cuda : kCpu;
}

std::string to_string(Device device) {
  return device.kind == DeviceKind::cpu ? "cpu" : fmt::format("cuda:{}", device.index);
}

std::ostream& operator<<(std::ostream& out, Device device) { return out << to_string(device); }

}  // namespace dlengine

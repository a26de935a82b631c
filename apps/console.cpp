// Errors and devices in words.
#include "apps/console.h"

#include <fmt/format.h>

#include <cstdio>
#include <exception>

namespace dlengine::apps {
namespace {

const char* name(DeviceKind kind) {
  switch (kind) {
    case DeviceKind::cpu: return "cpu";
    case DeviceKind::cuda: return "cuda";
  }
  return "?";
}

}  // namespace

int run_guarded(const std::string& program, const std::function<int()>& body) {
  try {
    return body();
  } catch (const std::exception& error) {
    std::fflush(stdout);
    fmt::print(stderr, "{}: error: {}\n", program, error.what());
    return kExitError;
  }
}

Device choose_device(const std::optional<std::string>& text) {
  return text ? Device::parse(*text) : Device::best();
}

void print_device(Device device, bool asked_for) {
  fmt::print("device: {} ({})\n", to_string(device), describe(device));
  if (asked_for || device.kind != DeviceKind::cpu) return;
  for (const DeviceReport& report : device_reports()) {
    if (!report.available) fmt::print("        no {}: {}\n", name(report.kind), report.reason);
  }
}

void print_devices() {
  for (const DeviceReport& report : device_reports()) {
    if (!report.available) fmt::print("{}: not available: {}\n", name(report.kind), report.reason);
    for (size_t i = 0; i < report.devices.size(); ++i) {
      const Device device{report.kind, static_cast<int>(i)};
      fmt::print("{}: {}\n", to_string(device), report.devices[i]);
    }
  }
}

}  // namespace dlengine::apps

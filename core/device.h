// Where a tensor lives.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

namespace dlengine {

enum class DeviceKind : uint8_t { cpu, cuda };

/// A device by kind and number: cpu, cuda:0, cuda:1, ...
struct Device {
  DeviceKind kind = DeviceKind::cpu;
  int index = 0;

  friend bool operator==(const Device&, const Device&) = default;

  /// From "cpu", "cuda", "cuda:1" or "best". Throws ValueError for anything else, DeviceError with the reason
  /// for a device that is not there.
  static Device parse(std::string_view text);
  /// DLENGINE_DEVICE if that is set, else the first CUDA device, else the CPU.
  static Device best();
};

inline constexpr Device kCpu{};

/// "cpu" or "cuda:0".
std::string to_string(Device device);
std::ostream& operator<<(std::ostream& out, Device device);

/// What is known of one kind of device on this machine.
struct DeviceReport {
  DeviceKind kind = DeviceKind::cpu;
  bool available = false;
  /// One line per device, as "NVIDIA H200, 139 GiB, driver 13.0, cuBLAS 13.1, cuDNN 9.19".
  std::vector<std::string> devices;
  /// In words, why there is none; empty if available.
  std::string reason;
};

/// Every kind of device that this build knows.
std::vector<DeviceReport> device_reports();

/// One line that says what the device is, for the start of a program.
std::string describe(Device device);

/// True if tensors can be placed there.
bool is_available(Device device);

}  // namespace dlengine

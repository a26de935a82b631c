// What all programs share: exit codes, the way errors end a program, and the lines about devices.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "dlengine/core/device.h"

namespace dlengine::apps {

inline constexpr int kExitError = 1;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitAccuracy = 3;
inline constexpr int kExitInterrupted = 130;  // 128 + SIGINT, as shells count

/// Runs body(); an exception becomes one message on stderr and exit code 1.
int run_guarded(const std::string& program, const std::function<int()>& body);

/// The device asked for, or the best one. Throws DeviceError if the one asked for is not there.
Device choose_device(const std::optional<std::string>& text);

/// The line "device: ..."; if nobody asked for this device, also why others are not used.
void print_device(Device device, bool asked_for);

/// Every device, and every reason why one is missing.
void print_devices();

}  // namespace dlengine::apps

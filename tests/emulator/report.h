// What the emulated device found wrong.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace dlengine::emulator {

/// Kinds of the reports on kernels and device memory.
namespace kind {
inline constexpr std::string_view kOutOfBounds = "out of bounds";
inline constexpr std::string_view kUseAfterFree = "use after free";
inline constexpr std::string_view kUseBeforeAllocation = "use before allocation";
inline constexpr std::string_view kUninitialised = "uninitialised read";
inline constexpr std::string_view kThreadRace = "race between threads";
inline constexpr std::string_view kOperationRace = "race between operations";
inline constexpr std::string_view kNotDeviceMemory = "not device memory";
inline constexpr std::string_view kHostAccess = "host access to device memory";
inline constexpr std::string_view kMisaligned = "misaligned access";
inline constexpr std::string_view kDivergentBarrier = "divergent barrier";
inline constexpr std::string_view kDeadlock = "deadlock";
inline constexpr std::string_view kWarp = "warp operation";
inline constexpr std::string_view kSpinning = "spinning";
inline constexpr std::string_view kSharedMemory = "shared memory";
inline constexpr std::string_view kLaunch = "invalid launch";
inline constexpr std::string_view kStackOverflow = "stack overflow";
}  // namespace kind

/// Files "kind: text", once for each kind and text. Kinds are short and fixed ("out of bounds", "race between
/// threads"), for tests to match.
void report(std::string_view kind, const std::string& text);

/// True if no finding of that kind at that place was asked about since the reports were last taken: one bug
/// is one report, however many threads meet it.
bool is_first_finding(std::string_view kind, const void* code_address);

/// What was filed since the last call, in order; the list is then empty.
std::vector<std::string> take_reports();

/// "file:line" of the instruction before a return address, with the places that it was inlined into:
/// "vec.cuh:26 in map.cuh:45". The address itself where nothing is known of it.
std::string place_of(const void* code_address);

}  // namespace dlengine::emulator

// The emulated device's limits: a Hopper with few multiprocessors, so that grids that depend on their number
// are small.
#pragma once

namespace dlengine::emulator {

inline constexpr int kMajor = 9, kMinor = 0;  // compute capability
inline constexpr int kMultiprocessors = 4;
inline constexpr int kWarp = 32, kThreadsPerBlock = 1024, kBlockZ = 64;
inline constexpr int kGridX = 2147483647, kGridYZ = 65535;
inline constexpr int kSharedPerMultiprocessor = 228 << 10, kSharedReserved = 1 << 10;
inline constexpr int kSharedPerBlock = 48 << 10;
inline constexpr int kSharedPerBlockOptIn = kSharedPerMultiprocessor - kSharedReserved;
inline constexpr int kRegisters = 64 << 10, kThreadsPerMultiprocessor = 2048, kBlocksPerMultiprocessor = 32;
inline constexpr int kL2Bytes = 50 << 20;

}  // namespace dlengine::emulator

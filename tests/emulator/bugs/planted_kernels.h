// Small kernels, each with a slip that the emulated device must find, and the same without it.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>
#include <span>
#include <string_view>

namespace dlengine::emulator::test {

inline constexpr int kFloats = 1024;

/// What planted kernels work on.
struct KernelMemory {
  float* ones;         // [kFloats], all 1
  float* fresh;        // [kFloats], not initialised
  uint32_t* counters;  // [kFloats], all 0
  float* host;         // [kFloats], of the host
  cudaStream_t stream;
};

struct PlantedBug {
  const char* name;
  std::string_view kind;  // of all reports on it
  void (*launch)(bool bug, const KernelMemory& memory);
  /// True if running the blocks or the threads in reverse order hides it.
  bool needs_forward_order = false;
};

std::span<const PlantedBug> planted_bugs();

}  // namespace dlengine::emulator::test

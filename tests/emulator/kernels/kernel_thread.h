// A CUDA thread of the block that runs, and what orders its accesses to memory.
#pragma once

#include <vector_types.h>

#include <array>
#include <cstdint>

#include "tests/emulator/kernels/fiber.h"
#include "tests/emulator/memory/history.h"
#include "tests/emulator/memory/stamp.h"

namespace dlengine::emulator {

/// A line of a kernel at which threads wait for each other.
struct Site {
  const char* function = "";
  const char* file = "";
  int line = 0;
  friend bool operator==(const Site&, const Site&) = default;
};

/// For each lane of a warp, up to when its accesses come before.
using LaneMoments = std::array<Moment, kWarpLanes>;

/// One of the operations that all lanes of a mask do together.
struct WarpCall {
  enum class Kind : uint8_t { sync, shuffle, vote };
  Kind kind = Kind::sync;
  uint32_t mask = 0;
  uint64_t value = 0;   // in: the operand of a shuffle, or whether the lane votes for; out: the result
  uint32_t source = 0;  // lane whose operand a shuffle reads
  Site site;
};

struct KernelThread {
  enum class State : uint8_t { fresh, ready, at_barrier, in_warp_call, finished };
  State state = State::fresh;
  bool predicate = false;  // of the barrier where it waits
  uint32_t number = 0;     // in the block
  uint3 index{};
  const char* stack = nullptr;
  Fiber* fiber = nullptr;
  LaneMoments* lanes = nullptr;  // its warp's accesses that come before
  Site barrier;                  // where it waits
  WarpCall call;

  uint32_t lane() const { return number % kWarpLanes; }
};

/// The block that runs.
struct BlockMoments {
  Moment begin = 0;
  Moment synced = 0;  // the last barrier of all its threads
};
inline constinit BlockMoments block_moments;

/// The kernel's thread that this thread of the host is running, or null.
extern thread_local constinit KernelThread* running_thread __attribute__((tls_model("initial-exec")));

}  // namespace dlengine::emulator

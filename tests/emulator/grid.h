// Running a kernel: one fiber for each CUDA thread, one block after the other.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>
#include <functional>

#include "tests/emulator/control.h"

namespace dlengine::emulator {

struct LaunchShape {
  dim3 grid, block;
  size_t dynamic_shared = 0;
};

/// What the runtime answers to a launch of this shape; files a report if it is a refusal.
cudaError_t check_launch(const char* kernel, const LaunchShape& shape);

/// Calls body in every thread of the grid. Only inside of an operation. `arguments` is the range of the
/// kernel's parameters, which threads may read.
void run_grid(const char* kernel, const LaunchShape& shape, const std::function<void()>& body,
              const void* arguments, size_t argument_bytes);

/// Order of the blocks, and of the threads in one.
void set_schedule(Schedule schedule, uint64_t seed);

}  // namespace dlengine::emulator

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

/// A kernel by its name in the source and its address.
struct KernelName {
  const char* text;
  const void* address;
};

/// What the runtime answers to a launch of this shape; files a report if it is a refusal.
cudaError_t check_launch(const KernelName& kernel, const LaunchShape& shape);

/// What cudaLaunchKernel does. `work` calls run_grid().
cudaError_t launch_kernel(const KernelName& kernel, const LaunchShape& shape, cudaStream_t stream,
                          std::function<void()> work);

/// A kernel's parameters, which its threads may read.
struct Arguments {
  const void* data;
  size_t bytes;
};

/// What a thread does. Not a std::function, as its own memory is none that a kernel may read.
using ThreadBody = void (*)(const void* arguments);

/// Calls body(arguments.data) in every thread of the grid. Only inside of an operation.
void run_grid(const char* kernel, const LaunchShape& shape, ThreadBody body, const Arguments& arguments);

/// Order of the blocks, and of the threads in one.
void set_schedule(Schedule schedule, uint64_t seed);

}  // namespace dlengine::emulator

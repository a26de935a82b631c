// Kernels that call every function of device.h, for a test that knows what must come out.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

namespace dlengine::emulator::test {

/// What one thread got from each function.
struct WarpResults {
  uint32_t shuffled, up, down, flipped;
  double wide;
  uint32_t ballot;
  int any, none, all, not_all;
};
struct BlockResults {
  int count, some, no_one, everyone, not_everyone;
};
struct NumberResults {
  int popc;
  uint32_t umulhi;
  int64_t smallest, largest;
  float loaded, rsqrt, exponential, logarithm, quotient;
};
struct AtomicResults {
  int sum, largest, smallest, claimed, exchanged;
  float float_sum;
};
struct Position {
  uint3 thread, block;
  dim3 block_size, grid_size;
};

inline constexpr int kFunctionThreads = 64;

void launch_warp_functions(WarpResults* results);      // [kFunctionThreads]
void launch_block_functions(BlockResults* results);    // [kFunctionThreads]
void launch_number_functions(NumberResults* results);  // one
void launch_atomic_functions(AtomicResults* results);  // one, all 0 before
void launch_positions(Position* positions, dim3 grid, dim3 block);

/// Reads `count` floats by as many threads.
void launch_copy(const float* from, float* to, int count, cudaStream_t stream);
/// Each thread needs that many bytes of stack.
void launch_deep_recursion(float* result);

}  // namespace dlengine::emulator::test

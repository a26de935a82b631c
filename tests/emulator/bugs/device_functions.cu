// See device_functions.h.
#include "tests/emulator/bugs/device_functions.h"

#include "dlengine/kernels/cuda/launch.h"

namespace dlengine::emulator::test {

namespace {

constexpr unsigned kAll = 0xffffffffu;

__global__ void warp_functions(WarpResults* results) {
  const int t = int(threadIdx.x), lane = t % warpSize;
  WarpResults& r = results[t];
  r.shuffled = __shfl_sync(kAll, uint32_t(t), 3, 8);
  r.up = __shfl_up_sync(kAll, uint32_t(t), 3, 16);
  r.down = __shfl_down_sync(kAll, uint32_t(t), 5, 8);
  r.flipped = __shfl_xor_sync(kAll, uint32_t(t), 12, 8);
  r.wide = __shfl_sync(kAll, double(t) / 3, lane / 2);
  r.ballot = __ballot_sync(kAll, t % 3 == 0);
  r.any = __any_sync(kAll, lane == 7);
  r.none = __any_sync(kAll, lane == 32);
  r.all = __all_sync(kAll, lane < 32);
  r.not_all = __all_sync(kAll, lane < 31);
}

__global__ void block_functions(BlockResults* results) {
  const int t = int(threadIdx.x);
  BlockResults& r = results[t];
  r.count = __syncthreads_count(t % 5 == 0);
  r.some = __syncthreads_or(t == 9);
  r.no_one = __syncthreads_or(t < 0);
  r.everyone = __syncthreads_and(t >= 0);
  r.not_everyone = __syncthreads_and(t != 9);
}

__global__ void number_functions(float x, NumberResults* r) {
  r->loaded = x;
  r->loaded = __ldg(&r->loaded);
  r->popc = __popc(0xf0f01u);
  r->umulhi = __umulhi(0x80000001u, 6u);
  r->smallest = min(int64_t{-3}, int64_t{1} << 40);
  r->largest = max(int64_t{-3}, int64_t{1} << 40);
  r->rsqrt = rsqrtf(x);
  r->exponential = __expf(x);
  r->logarithm = __logf(x);
  r->quotient = __fdividef(1, x);
}

__global__ void atomic_functions(AtomicResults* r) {
  const int t = int(threadIdx.x) + 1;
  atomicAdd(&r->sum, t);
  atomicAdd(&r->float_sum, 0.5f);
  atomicMax(&r->largest, t);
  atomicMin(&r->smallest, -t);
  atomicExch(&r->exchanged, 7);
  if (atomicCAS(&r->claimed, 0, t) != 0) atomicCAS(&r->claimed, -1, t);
}

__global__ void positions(Position* out) {
  const unsigned block = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
  const unsigned thread = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
  Position& own = out[block * blockDim.x * blockDim.y * blockDim.z + thread];
  own.thread = threadIdx;
  own.block = blockIdx;
  own.block_size = blockDim;
  own.grid_size = gridDim;
}

__global__ void copy(const float* from, float* to) { to[threadIdx.x] = from[threadIdx.x]; }

__device__ float recursion(int depth, volatile float* previous) {
  volatile float own[1024];
  own[depth % 1024] = *previous + 1;
  return depth == 0 ? own[0] : recursion(depth - 1, &own[depth % 1024]) + own[depth % 1024];
}

__global__ void deep_recursion(int depth, float* result) {
  volatile float start = 0;
  *result = recursion(depth, &start);
}

}  // namespace

void launch_warp_functions(WarpResults* results) {
  DLENGINE_LAUNCH(warp_functions, 1, kFunctionThreads, 0, nullptr, results);
}
void launch_block_functions(BlockResults* results) {
  DLENGINE_LAUNCH(block_functions, 1, kFunctionThreads, 0, nullptr, results);
}
void launch_number_functions(NumberResults* results) {
  DLENGINE_LAUNCH(number_functions, 1, 1, 0, nullptr, 2.0f, results);
}
void launch_atomic_functions(AtomicResults* results) {
  DLENGINE_LAUNCH(atomic_functions, 1, kFunctionThreads, 0, nullptr, results);
}
void launch_positions(Position* out, dim3 grid, dim3 block) {
  DLENGINE_LAUNCH(positions, grid, block, 0, nullptr, out);
}
void launch_copy(const float* from, float* to, int count, cudaStream_t stream) {
  DLENGINE_LAUNCH(copy, 1, count, 0, stream, from, to);
}
void launch_deep_recursion(float* result) { DLENGINE_LAUNCH(deep_recursion, 1, 1, 0, nullptr, 100, result); }

}  // namespace dlengine::emulator::test

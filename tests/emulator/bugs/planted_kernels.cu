// See planted_kernels.h.
#include "tests/emulator/bugs/planted_kernels.h"

#include "dlengine/kernels/cuda/launch.h"
#include "dlengine/kernels/cuda/vec.cuh"
#include "tests/emulator/report.h"

namespace dlengine::emulator::test {

namespace {

constexpr unsigned kAllLanes = 0xffffffffu;
constexpr int kBlock = 64, kBlocks = 4;

// --- Barriers ---

__global__ void tree_sum(bool without_barrier, const float* x, float* sum) {
  DLENGINE_SHARED(float, part, [kBlock]);
  const unsigned t = threadIdx.x;
  part[t] = x[t];
  __syncthreads();
  for (unsigned step = kBlock / 2; step > 0; step /= 2) {
    if (t < step) part[t] += part[t + step];
    if (!without_barrier) __syncthreads();
  }
  if (t == 0) *sum = part[0];
}

__global__ void reuse_shared(bool without_barrier, const float* x, float* y) {
  DLENGINE_SHARED(float, value, );
  for (int round = 0; round < 2; ++round) {
    if (threadIdx.x == 0) value = x[round];
    __syncthreads();
    y[round * kBlock + int(threadIdx.x)] = value;
    if (!without_barrier) __syncthreads();
  }
}

__global__ void swap_in_warp(bool without_sync, const float* x, float* y) {
  DLENGINE_SHARED(float, tile, [kBlock]);
  const unsigned t = threadIdx.x;
  tile[t] = 0;
  __syncthreads();
  tile[t] = x[t];
  if (!without_sync) __syncwarp();
  y[t] = tile[t ^ 1];
}

// Each half of a warp on its own.
__global__ void swap_in_half_warp(bool in_other_half, const float* x, float* y) {
  DLENGINE_SHARED(float, tile, [kBlock]);
  const unsigned t = threadIdx.x;
  tile[t] = 0;
  __syncthreads();
  tile[t] = x[t];
  __syncwarp(t % 32 < 16 ? 0x0000ffffu : 0xffff0000u);
  y[t] = tile[t ^ (in_other_half ? 16 : 1)];
}

__global__ void barrier_in_branches(bool different, float* y) {
  if (different && threadIdx.x < kBlock / 2) {
    __syncthreads();
  } else {
    __syncthreads();
  }
  y[threadIdx.x] = 1;
}

__global__ void barrier_for_some(bool bug, float* y) {
  if (!bug || threadIdx.x % 32 < 16) {
    __syncthreads();
  } else {
    __syncwarp();
  }
  y[threadIdx.x] = 1;
}

// --- Warp operations ---

__global__ void shuffle_in_branch(bool bug, const float* x, float* y) {
  float value = x[threadIdx.x];
  if (!bug || threadIdx.x % 32 < 16) value = __shfl_xor_sync(kAllLanes, value, 1);
  y[threadIdx.x] = value;
}

__global__ void shuffle_with_ended(bool bug, const float* x, float* y) {
  constexpr unsigned kEnd = 24;
  if (threadIdx.x >= kEnd) return;
  const unsigned mask = bug ? kAllLanes : (1u << kEnd) - 1;
  y[threadIdx.x] = __shfl_sync(mask, x[threadIdx.x], 0);
}

__global__ void shuffle_from_outside(bool bug, const float* x, float* y) {
  if (threadIdx.x >= 16) return;
  y[threadIdx.x] = __shfl_sync(0xffffu, x[threadIdx.x], bug ? 16 : 15);
}

__global__ void shuffle_without_itself(bool bug, const float* x, float* y) {
  y[threadIdx.x] = __shfl_sync(bug ? 0xffffu : kAllLanes, x[threadIdx.x], 0);
}

__global__ void meeting_of_two_kinds(bool bug, const float* x, float* y) {
  const float value = x[threadIdx.x];
  if (bug && threadIdx.x < 16) {
    y[threadIdx.x] = __shfl_xor_sync(kAllLanes, value, 1);
  } else {
    y[threadIdx.x] = float(__ballot_sync(kAllLanes, value > 0));
  }
}

// --- Bounds and initialisation ---

__global__ void write_behind_global(bool bug, float* y) {
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < unsigned(kFloats) + bug) y[i] = 1;
}

__global__ void write_behind_shared(bool bug, float* y) {
  DLENGINE_SHARED(float, tile, [kBlock]);
  tile[threadIdx.x + bug] = 1;
  __syncthreads();
  y[threadIdx.x] = tile[threadIdx.x + bug];
}

__global__ void write_behind_dynamic(bool bug, float* y) {
  DLENGINE_DYN_SHARED(float, tile);
  tile[threadIdx.x + bug] = 1;
  y[threadIdx.x] = tile[threadIdx.x + bug];
}

__global__ void read_fresh(bool bug, const float* x, const float* fresh, float* y) {
  y[threadIdx.x] = bug ? fresh[threadIdx.x] : x[threadIdx.x];
}

__global__ void read_fresh_shared(bool bug, float* y) {
  DLENGINE_SHARED(float, tile, [kBlock]);
  if (!bug || threadIdx.x > 0) tile[threadIdx.x] = 1;
  __syncthreads();
  y[threadIdx.x] = tile[kBlock - 1 - threadIdx.x];
}

// What a block left in shared memory is not there for the next.
__global__ void read_shared_of_earlier_block(bool bug, float* y) {
  DLENGINE_SHARED(float, value, );
  if (blockIdx.x == 0 || !bug) value = 1;
  if (bug || blockIdx.x == 0) y[blockIdx.x] = value;
}

__global__ void read_pointer(const float* x, float* y) { y[threadIdx.x] = x[threadIdx.x]; }

__global__ void read_four(const float* x, float* y) {
  using cuda::load_vec, cuda::store_vec;
  store_vec(y + 4 * threadIdx.x, load_vec<float, 4>(x + 4 * threadIdx.x));
}

template <int kBytes>
__global__ void much_shared(float* y) {
  DLENGINE_SHARED(char, tile, [kBytes]);
  if (threadIdx.x == 0) tile[0] = 1;
  y[threadIdx.x] = 1;
}

// --- Races ---

__global__ void store_to_one_word(bool all, float* y) {
  if (all || threadIdx.x == 0) *y = 1;
}

__global__ void histogram(bool plain, uint32_t* bins) {
  uint32_t& bin = bins[threadIdx.x % 8];
  if (plain) {
    ++bin;
  } else {
    atomicAdd(&bin, 1u);
  }
}

__global__ void read_beside_atomics(bool bug, uint32_t* counter, float* y) {
  const uint32_t before = atomicAdd(counter, 1u);
  if (!bug) __syncthreads();
  if (threadIdx.x == kBlock - 1) y[0] = float(bug ? *counter : before);
}

__global__ void store_bytes(bool same, uint8_t* y) { y[same ? threadIdx.x / 2 : threadIdx.x] = 1; }

__global__ void blocks_store_one_word(bool bug, float* y) {
  if (threadIdx.x == 0) y[bug ? 0 : blockIdx.x] = 1;
}

__global__ void read_what_a_block_writes(bool bug, float* x, float* y) {
  if (threadIdx.x > 0) return;
  y[blockIdx.x] = x[bug ? (blockIdx.x + 1) % kBlocks : blockIdx.x];
  x[blockIdx.x] = 2;
}

enum class Fence { none, before_barrier, after_barrier, of_all };

// Sums rows in blocks; the last block to come adds up.
__global__ void last_block_sum(Fence fence, const float* x, float* parts, uint32_t* counter, float* sum) {
  DLENGINE_SHARED(bool, is_last, );
  if (fence == Fence::before_barrier && threadIdx.x == 0) __threadfence();
  parts[blockIdx.x * kBlock + threadIdx.x] = 2 * x[threadIdx.x];
  if (fence == Fence::of_all) __threadfence();
  __syncthreads();
  if (threadIdx.x == 0) {
    if (fence == Fence::after_barrier) __threadfence();
    is_last = atomicAdd(counter, 1u) == gridDim.x - 1;
  }
  __syncthreads();
  if (!is_last || threadIdx.x > 0) return;
  float total = 0;
  for (unsigned i = 0; i < gridDim.x * kBlock; ++i) total += parts[i];
  *sum = total;
  *counter = 0;
}

// Lanes write, one of them makes it known.
__global__ void last_warp_sum(bool bug, float* parts, uint32_t* counter, float* sum) {
  parts[blockIdx.x * 32 + threadIdx.x] = 1;
  if (!bug) __syncwarp();
  if (threadIdx.x > 0) return;
  __threadfence();
  if (atomicAdd(counter, 1u) != gridDim.x - 1) return;
  float total = 0;
  for (unsigned i = 0; i < gridDim.x * 32; ++i) total += parts[i];
  *sum = total;
}

__global__ void wait_for_block(bool for_later, uint32_t* flag) {
  if (blockIdx.x == 1) atomicExch(flag, 1u);
  if (blockIdx.x == 0 && for_later) {
    while (atomicAdd(flag, 0u) == 0) {
    }
  }
}

#define DLENGINE_ONE_BLOCK(kernel, ...) DLENGINE_LAUNCH(kernel, 1, kBlock, 0, m.stream, __VA_ARGS__)
#define DLENGINE_SEVERAL_BLOCKS(kernel, ...) \
  DLENGINE_LAUNCH(kernel, kBlocks, kBlock, 0, m.stream, __VA_ARGS__)

using Memory = const KernelMemory&;

const PlantedBug kBugs[] = {
    {"tree_sum", kind::kThreadRace,
     [](bool bug, Memory m) { DLENGINE_ONE_BLOCK(tree_sum, bug, m.ones, m.fresh); }},
    {"reuse_shared", kind::kThreadRace,
     [](bool bug, Memory m) { DLENGINE_ONE_BLOCK(reuse_shared, bug, m.ones, m.fresh); }},
    {"swap_in_warp", kind::kThreadRace,
     [](bool bug, Memory m) { DLENGINE_ONE_BLOCK(swap_in_warp, bug, m.ones, m.fresh); }},
    {"swap_in_half_warp", kind::kThreadRace,
     [](bool bug, Memory m) { DLENGINE_ONE_BLOCK(swap_in_half_warp, bug, m.ones, m.fresh); }},
    {"barrier_in_branches", kind::kDivergentBarrier,
     [](bool bug, Memory m) { DLENGINE_ONE_BLOCK(barrier_in_branches, bug, m.fresh); }},
    {"barrier_for_some", kind::kDeadlock,
     [](bool bug, Memory m) { DLENGINE_ONE_BLOCK(barrier_for_some, bug, m.fresh); }},
    {"shuffle_in_branch", kind::kWarp,
     [](bool bug, Memory m) { DLENGINE_ONE_BLOCK(shuffle_in_branch, bug, m.ones, m.fresh); }},
    {"shuffle_with_ended", kind::kWarp,
     [](bool bug, Memory m) { DLENGINE_ONE_BLOCK(shuffle_with_ended, bug, m.ones, m.fresh); }},
    {"shuffle_from_outside", kind::kWarp,
     [](bool bug, Memory m) { DLENGINE_ONE_BLOCK(shuffle_from_outside, bug, m.ones, m.fresh); }},
    {"shuffle_without_itself", kind::kWarp,
     [](bool bug, Memory m) { DLENGINE_ONE_BLOCK(shuffle_without_itself, bug, m.ones, m.fresh); }},
    {"meeting_of_two_kinds", kind::kWarp,
     [](bool bug, Memory m) { DLENGINE_ONE_BLOCK(meeting_of_two_kinds, bug, m.ones, m.fresh); }},
    {"write_behind_global", kind::kOutOfBounds,
     [](bool bug, Memory m) {
       DLENGINE_LAUNCH(write_behind_global, kFloats / kBlock + 1, kBlock, 0, m.stream, bug, m.fresh);
     }},
    {"write_behind_shared", kind::kOutOfBounds,
     [](bool bug, Memory m) { DLENGINE_ONE_BLOCK(write_behind_shared, bug, m.fresh); }},
    {"write_behind_dynamic", kind::kOutOfBounds,
     [](bool bug, Memory m) {
       DLENGINE_LAUNCH(write_behind_dynamic, 1, kBlock, kBlock * sizeof(float), m.stream, bug, m.fresh);
     }},
    {"no_dynamic_memory", kind::kSharedMemory,
     [](bool bug, Memory m) {
       const size_t bytes = bug ? 0 : kBlock * sizeof(float);
       DLENGINE_LAUNCH(write_behind_dynamic, 1, kBlock, bytes, m.stream, false, m.fresh);
     }},
    {"read_fresh", kind::kUninitialised,
     [](bool bug, Memory m) { DLENGINE_ONE_BLOCK(read_fresh, bug, m.ones, m.fresh, m.fresh + kBlock); }},
    {"read_fresh_shared", kind::kUninitialised,
     [](bool bug, Memory m) { DLENGINE_ONE_BLOCK(read_fresh_shared, bug, m.fresh); }},
    {"read_shared_of_earlier_block", kind::kUninitialised,
     [](bool bug, Memory m) {
       DLENGINE_LAUNCH(read_shared_of_earlier_block, kBlocks, 1, 0, m.stream, bug, m.fresh);
     }},
    {"read_host_memory", kind::kNotDeviceMemory,
     [](bool bug, Memory m) { DLENGINE_ONE_BLOCK(read_pointer, bug ? m.host : m.ones, m.fresh); }},
    {"read_wild_pointer", kind::kNotDeviceMemory,
     [](bool bug, Memory m) {
       DLENGINE_ONE_BLOCK(read_pointer, bug ? reinterpret_cast<const float*>(4096) : m.ones, m.fresh);
     }},
    {"read_misaligned", kind::kMisaligned,
     [](bool bug, Memory m) { DLENGINE_ONE_BLOCK(read_four, m.ones + bug, m.fresh); }},
    {"much_shared", kind::kSharedMemory,
     [](bool bug, Memory m) {
       DLENGINE_ONE_BLOCK((bug ? much_shared<100 << 10> : much_shared<48 << 10>), m.fresh);
     }},
    {"store_to_one_word", kind::kThreadRace,
     [](bool bug, Memory m) { DLENGINE_ONE_BLOCK(store_to_one_word, bug, m.fresh); }},
    {"histogram", kind::kThreadRace,
     [](bool bug, Memory m) { DLENGINE_ONE_BLOCK(histogram, bug, m.counters); }},
    {"read_beside_atomics", kind::kThreadRace,
     [](bool bug, Memory m) { DLENGINE_ONE_BLOCK(read_beside_atomics, bug, m.counters, m.fresh); }},
    {"store_bytes", kind::kThreadRace,
     [](bool bug, Memory m) { DLENGINE_ONE_BLOCK(store_bytes, bug, reinterpret_cast<uint8_t*>(m.fresh)); }},
    {"blocks_store_one_word", kind::kThreadRace,
     [](bool bug, Memory m) { DLENGINE_SEVERAL_BLOCKS(blocks_store_one_word, bug, m.fresh); }},
    {"read_what_a_block_writes", kind::kThreadRace,
     [](bool bug, Memory m) { DLENGINE_SEVERAL_BLOCKS(read_what_a_block_writes, bug, m.ones, m.fresh); }},
    {"last_block_without_fence", kind::kThreadRace,
     [](bool bug, Memory m) {
       DLENGINE_SEVERAL_BLOCKS(last_block_sum, bug ? Fence::none : Fence::after_barrier, m.ones, m.fresh,
                               m.counters, m.fresh + kFloats / 2);
     }},
    {"last_block_with_early_fence", kind::kThreadRace,
     [](bool bug, Memory m) {
       DLENGINE_SEVERAL_BLOCKS(last_block_sum, bug ? Fence::before_barrier : Fence::of_all, m.ones, m.fresh,
                               m.counters, m.fresh + kFloats / 2);
     }},
    {"last_warp_sum", kind::kThreadRace,
     [](bool bug, Memory m) {
       DLENGINE_LAUNCH(last_warp_sum, kBlocks, 32, 0, m.stream, bug, m.ones, m.counters, m.fresh);
     }},
    {"wait_for_later_block", kind::kSpinning,
     [](bool bug, Memory m) { DLENGINE_LAUNCH(wait_for_block, 2, 1, 0, m.stream, bug, m.counters); }, true},
};

#undef DLENGINE_ONE_BLOCK
#undef DLENGINE_SEVERAL_BLOCKS

}  // namespace

std::span<const PlantedBug> planted_bugs() { return kBugs; }

}  // namespace dlengine::emulator::test

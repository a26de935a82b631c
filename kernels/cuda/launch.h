// How kernels are started and where they keep shared memory: one spelling for every compiler that builds
// them.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>
#include <tuple>
#include <utility>

#include "dlengine/kernels/cuda/cuda_check.h"

/// Starts a kernel; throws DeviceError that names it. A kernel with commas in its name goes into parentheses.
#define DLENGINE_LAUNCH(kernel, grid, block, shared, stream, ...)                                       \
  ::dlengine::cuda::check_call(                                                                         \
      ::dlengine::cuda::launch(                                                                         \
          kernel, ::dlengine::cuda::Launch{#kernel, grid, block, size_t(shared), stream}, __VA_ARGS__), \
      "launch of " #kernel)

namespace dlengine::cuda {

/// Threads of a block, unless a kernel says otherwise.
inline constexpr int kThreads = 256;

/// Blocks for n items. With one thread per item and 256 of them in a block, 2^31 - 1 blocks reach further
/// than memory.
inline unsigned blocks_for(int64_t n, int64_t per_block) { return unsigned((n + per_block - 1) / per_block); }

/// One start of a kernel.
struct Launch {
  const char* name;
  dim3 grid, block;
  size_t shared;  // bytes of dynamic shared memory
  cudaStream_t stream;
};

}  // namespace dlengine::cuda

// The emulated device brings the compiler's part itself.
#ifndef DLENGINE_EMULATED_DEVICE

/// A variable of the block: DLENGINE_SHARED(float, tile, [32][33]).
#define DLENGINE_SHARED(type, name, dims) __shared__ type name dims

/// The block's memory of the size that its launch asked for, as a pointer: DLENGINE_DYN_SHARED(float,
/// values).
#define DLENGINE_DYN_SHARED(type, name)                           \
  extern __shared__ __align__(16) unsigned char dynamic_shared[]; \
  type* const name = reinterpret_cast<type*>(dynamic_shared)

namespace dlengine::cuda {

template <typename... P>
cudaError_t start_kernel(void (*kernel)(P...), const Launch& launch, std::tuple<P...>& arguments) {
  return std::apply(
      [&](P&... argument) {
        void* addresses[] = {static_cast<void*>(&argument)...};
        return cudaLaunchKernel(reinterpret_cast<const void*>(kernel), launch.grid, launch.block, addresses,
                                launch.shared, launch.stream);
      },
      arguments);
}

}  // namespace dlengine::cuda

#endif

namespace dlengine::cuda {

/// Arguments are converted to the kernel's own parameter types, whose addresses the runtime wants.
template <typename... P, typename... A>
cudaError_t launch(void (*kernel)(P...), const Launch& launch, A&&... arguments) {
  static_assert(sizeof...(P) == sizeof...(A), "every parameter of the kernel needs an argument");
  std::tuple<P...> values{static_cast<P>(std::forward<A>(arguments))...};
  return start_kernel(kernel, launch, values);
}

}  // namespace dlengine::cuda

// How kernels are started and where they keep shared memory: one spelling for every compiler that builds
// them.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>
#include <tuple>
#include <utility>

#include "dlengine/kernels/cuda/cuda_check.h"

/// A variable of the block: DLENGINE_SHARED(float, tile, [32][33]).
#define DLENGINE_SHARED(type, name, dims) __shared__ type name dims

/// Starts a kernel; throws DeviceError that names it. A kernel with commas in its name goes into parentheses.
#define DLENGINE_LAUNCH(kernel, grid, block, shared, stream, ...)                                          \
  ::dlengine::cuda::check_call(::dlengine::cuda::launch(kernel, grid, block, shared, stream, __VA_ARGS__), \
                               "launch of " #kernel)

namespace dlengine::cuda {

/// Threads of a block, unless a kernel says otherwise.
inline constexpr int kThreads = 256;

/// Blocks for n items. With one thread per item and 256 of them in a block, 2^31 - 1 blocks reach further
/// than memory.
inline unsigned blocks_for(int64_t n, int64_t per_block) { return unsigned((n + per_block - 1) / per_block); }

/// Arguments are converted to the kernel's own parameter types, whose addresses the runtime wants.
template <typename... P, typename... A>
cudaError_t launch(void (*kernel)(P...), dim3 grid, dim3 block, size_t shared, cudaStream_t stream,
                   A&&... arguments) {
  static_assert(sizeof...(P) == sizeof...(A), "every parameter of the kernel needs an argument");
  std::tuple<P...> values{static_cast<P>(std::forward<A>(arguments))...};
  return std::apply(
      [&](P&... value) {
        void* addresses[] = {static_cast<void*>(&value)...};
        return cudaLaunchKernel(reinterpret_cast<const void*>(kernel), grid, block, addresses, shared,
                                stream);
      },
      values);
}

}  // namespace dlengine::cuda

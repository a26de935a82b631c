// Checked CUDA calls, and owners of CUDA's and its libraries' handles.
#pragma once

#include <cuda_runtime_api.h>

#include <memory>
#include <type_traits>

/// Throws DeviceError that names the call unless it succeeds.
#define DLENGINE_CUDA_CHECK(call) ::dlengine::cuda::check_call(call, #call)

namespace dlengine::cuda {

[[noreturn]] void throw_failed(cudaError_t error, const char* call);

inline void check_call(cudaError_t error, const char* call) {
  if (error != cudaSuccess) [[unlikely]]
    throw_failed(error, call);
}

/// Calls the library's own function on a handle. Its status is ignored: at the end of the process the driver
/// may be gone.
template <auto kDestroy>
struct Destroy {
  template <typename T>
  void operator()(T* handle) const noexcept {
    (void)kDestroy(handle);
  }
};

/// A handle with its destroyer: Owned<cudaEvent_t, cudaEventDestroy>.
template <typename Handle, auto kDestroy>
using Owned = std::unique_ptr<std::remove_pointer_t<Handle>, Destroy<kDestroy>>;

}  // namespace dlengine::cuda

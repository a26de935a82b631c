// Whether the kernels of this build run on the current device.
#pragma once

#include <cuda_runtime_api.h>

namespace dlengine::cuda {

/// Asks for one kernel's attributes: cudaErrorNoKernelImageForDevice if the GPU is older than the build's
/// oldest.
cudaError_t probe_kernel_image();

}  // namespace dlengine::cuda

// Pinned host memory through which copies to the device pass. Only for host code.
#pragma once

#include <cuda_runtime_api.h>

#include <array>
#include <cstddef>
#include <mutex>

#include "dlengine/kernels/cuda/cuda_check.h"

namespace dlengine::cuda {

/// A ring of pinned buffers: the host fills one while the device reads the others, so that it waits only when
/// it is a whole ring ahead.
class Staging {
 public:
  /// Queues a copy to the device. host_src may be written to when this returns.
  void copy_to_device(void* device_dst, const void* host_src, size_t bytes, cudaStream_t stream);
  /// Frees the buffers, which the device must have read.
  void release();

 private:
  static constexpr size_t kBufferBytes = size_t{1} << 20;
  struct Buffer {
    Owned<void*, cudaFreeHost> memory;
    Owned<cudaEvent_t, cudaEventDestroy> read;  // recorded when the device has read the memory
  };
  Buffer& next_free();

  std::mutex mutex_;
  std::array<Buffer, 4> ring_;
  size_t next_ = 0;
};

}  // namespace dlengine::cuda

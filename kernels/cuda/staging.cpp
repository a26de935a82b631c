// Copies to the device by way of pinned memory.
#include "dlengine/kernels/cuda/staging.h"

#include <algorithm>
#include <cstring>

namespace dlengine::cuda {

Staging::Buffer& Staging::next_free() {
  Buffer& buffer = ring_[next_];
  if (buffer.memory) {
    DLENGINE_CUDA_CHECK(cudaEventSynchronize(buffer.read.get()));
  } else {
    cudaEvent_t read = nullptr;
    DLENGINE_CUDA_CHECK(cudaEventCreateWithFlags(&read, cudaEventDisableTiming));
    buffer.read.reset(read);
    void* memory = nullptr;
    DLENGINE_CUDA_CHECK(cudaMallocHost(&memory, kBufferBytes));
    buffer.memory.reset(memory);
  }
  next_ = (next_ + 1) % ring_.size();
  return buffer;
}

void Staging::copy_to_device(void* device_dst, const void* host_src, size_t bytes, cudaStream_t stream) {
  const std::lock_guard lock(mutex_);
  for (size_t done = 0; done < bytes; done += kBufferBytes) {
    const size_t part = std::min(bytes - done, kBufferBytes);
    const Buffer& buffer = next_free();
    std::memcpy(buffer.memory.get(), static_cast<const std::byte*>(host_src) + done, part);
    DLENGINE_CUDA_CHECK(cudaMemcpyAsync(static_cast<std::byte*>(device_dst) + done, buffer.memory.get(), part,
                                        cudaMemcpyHostToDevice, stream));
    DLENGINE_CUDA_CHECK(cudaEventRecord(buffer.read.get(), stream));
  }
}

void Staging::release() {
  for (Buffer& buffer : ring_) buffer = {};
}

}  // namespace dlengine::cuda

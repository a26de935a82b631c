// Device memory from CUDA's stream-ordered pool.
#pragma once

#include <cuda_runtime_api.h>

#include <memory>
#include <mutex>
#include <unordered_map>

#include "dlengine/core/allocator.h"
#include "dlengine/kernels/cuda/queue.h"

namespace dlengine::cuda {

/// Takes memory in the order of the current stream and gives it back in the order of the stream where it was
/// taken, after all that was queued on the stream that is current then. The pool keeps freed memory, so
/// taking it again is cheap and does not wait for the device.
class CudaAllocator final : public Allocator {
 public:
  /// The device is current for this thread's CUDA calls.
  explicit CudaAllocator(int device);
  void* allocate(size_t bytes) override;
  void deallocate(void* pointer) noexcept override;
  MemoryStats stats() const override;
  void reset_peak() override;
  void trim() override;

 private:
  struct Block {
    size_t bytes = 0;
    std::shared_ptr<Queue> queue;
  };
  [[noreturn]] void throw_out_of_memory(size_t bytes) const;

  int device_;
  cudaMemPool_t pool_ = nullptr;
  mutable std::mutex mutex_;
  MemoryStats stats_;
  std::unordered_map<void*, Block> blocks_;  // handed out now
};

}  // namespace dlengine::cuda

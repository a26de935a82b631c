// Device memory: allocation, counters, and what to say when there is none left.
#include "dlengine/kernels/cuda/allocator.h"

#include <algorithm>
#include <cstdint>
#include <limits>

#include "dlengine/core/check.h"
#include "dlengine/kernels/cuda/backend_cuda.h"
#include "dlengine/kernels/cuda/cuda_device.h"

namespace dlengine::cuda {

CudaAllocator::CudaAllocator(int device) : device_(device) {
  DLENGINE_CUDA_CHECK(cudaDeviceGetDefaultMemPool(&pool_, device));
  uint64_t keep_all = std::numeric_limits<uint64_t>::max();
  DLENGINE_CUDA_CHECK(cudaMemPoolSetAttribute(pool_, cudaMemPoolAttrReleaseThreshold, &keep_all));
}

void* CudaAllocator::allocate(size_t bytes) {
  if (bytes == 0) return nullptr;
  std::shared_ptr<Queue> queue = shared_current_queue(device_);
  void* pointer = nullptr;
  cudaError_t error = cudaMallocAsync(&pointer, bytes, queue->stream());
  if (error == cudaErrorMemoryAllocation) {  // the pool may hold enough, but in pieces or on other streams
    (void)cudaGetLastError();
    cuda_backend()->device(device_).synchronize();
    trim();
    error = cudaMallocAsync(&pointer, bytes, queue->stream());
  }
  if (error == cudaErrorMemoryAllocation) throw_out_of_memory(bytes);
  check_call(error, "cudaMallocAsync");
  const std::lock_guard lock(mutex_);
  blocks_.emplace(pointer, Block{bytes, std::move(queue)});
  stats_.in_use += int64_t(bytes);
  stats_.peak = std::max(stats_.peak, stats_.in_use);
  ++stats_.allocations;
  return pointer;
}

void CudaAllocator::throw_out_of_memory(size_t bytes) const {
  (void)cudaGetLastError();
  size_t free = 0, total = 0;
  (void)cudaMemGetInfo(&free, &total);
  const MemoryStats now = stats();
  constexpr double kMiB = 1024.0 * 1024.0;
  fail<OutOfMemoryError>(
      "cuda:{}: out of memory: asked for {:.1f} MiB; tensors hold {:.1f} MiB, the pool keeps {:.1f} MiB, "
      "{:.1f} of {:.1f} MiB are free; a smaller batch needs less",
      device_, double(bytes) / kMiB, double(now.in_use) / kMiB, double(now.reserved) / kMiB,
      double(free) / kMiB, double(total) / kMiB);
}

void CudaAllocator::deallocate(void* pointer) noexcept {
  if (pointer == nullptr) return;
  Block block;
  {
    const std::lock_guard lock(mutex_);
    const auto found = blocks_.find(pointer);
    if (found == blocks_.end()) return;
    block = std::move(found->second);
    blocks_.erase(found);
    stats_.in_use -= int64_t(block.bytes);
  }
  // Errors are ignored from here on: at the end of the process the driver may be gone before the last tensor.
  try {
    const std::shared_ptr<Queue> last_user = shared_current_queue(device_);
    cudaEvent_t used = nullptr;
    if (last_user != block.queue && cudaEventCreateWithFlags(&used, cudaEventDisableTiming) == cudaSuccess) {
      (void)cudaEventRecord(used, last_user->stream());
      (void)cudaStreamWaitEvent(block.queue->stream(), used, 0);
      (void)cudaEventDestroy(used);
    }
  } catch (const std::exception&) {
  }
  (void)cudaFreeAsync(pointer, block.queue->stream());
}

MemoryStats CudaAllocator::stats() const {
  uint64_t reserved = 0;
  DLENGINE_CUDA_CHECK(cudaMemPoolGetAttribute(pool_, cudaMemPoolAttrReservedMemCurrent, &reserved));
  const std::lock_guard lock(mutex_);
  MemoryStats stats = stats_;
  stats.reserved = int64_t(reserved);
  return stats;
}

void CudaAllocator::reset_peak() {
  const std::lock_guard lock(mutex_);
  stats_.peak = stats_.in_use;
}

void CudaAllocator::trim() { DLENGINE_CUDA_CHECK(cudaMemPoolTrimTo(pool_, 0)); }

}  // namespace dlengine::cuda

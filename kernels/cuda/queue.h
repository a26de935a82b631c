// A CUDA stream with the library handles that work on it. Only for host code.
#pragma once

#include <cublasLt.h>
#include <cuda_runtime_api.h>
#include <cudnn.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>

#include "dlengine/core/device.h"
#include "dlengine/kernels/cuda/context.h"
#include "dlengine/kernels/cuda/cuda_check.h"
#include "dlengine/kernels/cuda/staging.h"

namespace dlengine::cuda {

[[noreturn]] void throw_failed(cublasStatus_t status, const char* call);
[[noreturn]] void throw_failed(cudnnStatus_t status, const char* call);

inline void check_call(cublasStatus_t status, const char* call) {
  if (status != CUBLAS_STATUS_SUCCESS) [[unlikely]]
    throw_failed(status, call);
}
inline void check_call(cudnnStatus_t status, const char* call) {
  if (status != CUDNN_STATUS_SUCCESS) [[unlikely]]
    throw_failed(status, call);
}

/// One stream, which does not wait for the legacy default stream, and its handles of cuBLASLt and cuDNN. The
/// workspace of cuBLASLt stays with the stream, so that it is used in the stream's order. A thread that
/// records a step does so on a second stream, where no other thread's work gets into the recording; what it
/// recorded runs in the order of the first one.
class Queue {
 public:
  explicit Queue(int device);
  ~Queue();
  Queue(const Queue&) = delete;
  Queue& operator=(const Queue&) = delete;

  int device() const { return device_; }
  /// Where this thread's work goes: the queue's stream, unless the thread records.
  cudaStream_t stream() const { return this == recording() ? recorded_.get() : stream_.get(); }
  /// The queue's own stream, which names it.
  cudaStream_t home() const { return stream_.get(); }
  /// From now on this thread records. No other one does so on the same device.
  void begin_recording();
  static void end_recording();
  /// Where this thread records; null if it does not.
  static const Queue* recording();
  Staging& staging() { return staging_; }
  /// Held around a use of what is below: a handle serves one thread at a time.
  std::mutex& mutex() { return mutex_; }
  /// Also takes memory for the workspace, at its first use.
  cublasLtHandle_t blas();
  /// What NVIDIA recommends for Hopper.
  static constexpr size_t kBlasWorkspaceBytes = size_t{32} << 20;
  void* blas_workspace() const { return blas_workspace_.get(); }
  cudnnHandle_t dnn();
  /// A counter in device memory that kernels leave at zero.
  uint32_t* arrivals() const { return arrivals_.get(); }
  /// Waits for the stream's work, and calls copy() before, which appends to it. Whether a kernel has left a
  /// fault.
  template <typename Copy>
  bool wait(const Fault* fault, Copy&& copy);

 private:
  int device_;
  std::mutex mutex_;
  Owned<cudaStream_t, cudaStreamDestroy> stream_, recorded_;
  std::mutex wait_mutex_;
  Owned<Fault*, cudaFreeHost> seen_;  // the device's fault at the last wait
  cudaStream_t dnn_stream_ = nullptr;
  Staging staging_;
  Owned<uint32_t*, cudaFree> arrivals_;
  Owned<void*, cudaFree> blas_workspace_;
  Owned<cublasLtHandle_t, cublasLtDestroy> blas_;
  Owned<cudnnHandle_t, cudnnDestroy> dnn_;
};

template <typename Copy>
bool Queue::wait(const Fault* fault, Copy&& copy) {
  const std::lock_guard lock(wait_mutex_);
  // Before the copy, which, to pageable memory, waits already.
  DLENGINE_CUDA_CHECK(cudaMemcpyAsync(seen_.get(), fault, sizeof(Fault), cudaMemcpyDeviceToHost, stream()));
  copy();
  DLENGINE_CUDA_CHECK(cudaStreamSynchronize(stream()));
  return seen_->claimed != 0;
}

/// Makes the device current for this thread's CUDA calls and returns the queue of its operations. Throws
/// DeviceError.
Queue& current_queue(Device device);
/// The same with shared ownership.
std::shared_ptr<Queue> shared_current_queue(int device);

}  // namespace dlengine::cuda

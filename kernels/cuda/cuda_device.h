// What the backend keeps for one GPU.
#pragma once

#include <memory>
#include <mutex>

#include "dlengine/kernels/cuda/allocator.h"
#include "dlengine/kernels/cuda/context.h"
#include "dlengine/kernels/cuda/queue.h"

namespace dlengine::cuda {

/// Set up by open(), once; the rest may be used after that.
struct CudaDevice {
  explicit CudaDevice(int number) : index(number) {}
  void open();
  /// Waits for all of the device's work, after the recording of another thread, which the wait would spoil.
  void synchronize();
  /// Throws the ValueError of the first bad element that a kernel found since the last call, if there is one.
  /// The stream has no other work left.
  void throw_fault(cudaStream_t stream);

  const int index;
  std::once_flag opened;
  std::shared_ptr<Queue> queue;  // where operations go unless a thread has chosen another stream
  std::unique_ptr<CudaAllocator> allocator;
  Owned<Fault*, cudaFree> fault;
  std::mutex fault_mutex;
  std::mutex recording;  // held while a thread records
};

/// Sets this thread's queue on the device; null: the device's own.
void set_current_queue(int device, std::shared_ptr<Queue> queue);

}  // namespace dlengine::cuda

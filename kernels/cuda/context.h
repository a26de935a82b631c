// What every operation of the CUDA backend needs: its stream, memory for a while, and a way to report bad
// elements.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>

#include "dlengine/core/allocator.h"
#include "dlengine/core/device.h"

namespace dlengine::cuda {

/// Makes the device current for this thread's CUDA calls and returns the stream of its operations. Throws
/// DeviceError.
cudaStream_t enter(Device device);

/// Device memory for one operation, taken and given back in the order of the current stream.
class Scratch {
 public:
  Scratch(size_t bytes, Device device);
  ~Scratch() { allocator_.deallocate(data_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  void* data() const { return data_; }

 private:
  Allocator& allocator_;
  void* data_;
};

/// What a kernel found wrong with its input. One per device, in its memory; the first thread to claim it
/// writes it, and the next copy to the host throws it.
struct Fault {
  enum Kind : uint32_t { kLabel, kIndexSelect, kIndexAdd, kGather, kScatterAdd, kPositionOf, kLabelOf };
  uint32_t claimed;
  Kind kind;
  int64_t position;  // row of the label, number of the index
  int64_t value;
  int64_t limit;   // value should have been in 0 .. limit - 1
  const char* op;  // of kPositionOf and kLabelOf, in host memory
};

/// The device's fault, in device memory.
Fault* fault_of(Device device);

/// A counter in device memory for is_last_block() (reduce.cuh): zero before and after each kernel of the
/// current stream.
uint32_t* arrivals_of(Device device);

}  // namespace dlengine::cuda

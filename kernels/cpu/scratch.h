// Temporary memory of one operation.
#pragma once

#include <cstddef>

#include "dlengine/core/allocator.h"
#include "dlengine/core/capture.h"
#include "dlengine/core/tensor.h"

namespace dlengine {

/// Where all host memory comes from. It is never destroyed, so that tensors may outlive main().
HostAllocator& host_allocator();

/// Uninitialised bytes, which their allocator keeps for the next call, or a recorded step for its replays.
class Scratch {
 public:
  explicit Scratch(size_t bytes) : allocator_(current_allocator(kCpu)), data_(allocator_.allocate(bytes)) {}
  ~Scratch() { allocator_.deallocate(data_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  template <typename T = std::byte>
  T* as() const {
    return static_cast<T*>(data_);
  }

 private:
  Allocator& allocator_;
  void* data_;
};

/// True for the types that are stored in 16 bits and computed in f32.
inline bool is_narrow(DType dtype) { return dtype == DType::f16 || dtype == DType::bf16; }

/// A contiguous f32 copy, for kernels that know no 16-bit types. Undefined stays undefined.
Tensor widened(const Tensor& x);
/// An uninitialised f32 tensor of x's shape.
Tensor wide_like(const Tensor& x);

}  // namespace dlengine

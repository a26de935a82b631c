// Operands of cuDNN where they do not lie as its kernels, which load 16 bytes at once, take for granted: an
// algorithm is chosen by shapes, without the addresses. Tensors of their own and the parts of an arena do;
// views may not.
#pragma once

#include <cstdint>

#include "dlengine/core/factory.h"
#include "dlengine/kernels/cuda/backend_cuda.h"

namespace dlengine::cuda {

inline bool is_aligned(const Tensor& x) {
  return !x.defined() || reinterpret_cast<uintptr_t>(x.raw()) % 16 == 0;
}

/// x, or a copy at an aligned address.
inline Tensor aligned(CudaBackend& backend, const Tensor& x) {
  if (is_aligned(x)) return x;
  Tensor copy = empty(x.shape(), x.dtype(), x.device());
  backend.copy(x, copy);
  return copy;
}

/// y, or memory for its elements at an aligned address, which write_back() brings to y.
inline Tensor aligned_result(const Tensor& y) {
  return is_aligned(y) ? y : empty(y.shape(), y.dtype(), y.device());
}
inline void write_back(CudaBackend& backend, const Tensor& result, Tensor y) {
  if (!is_aligned(y)) backend.copy(result, y);
}

}  // namespace dlengine::cuda

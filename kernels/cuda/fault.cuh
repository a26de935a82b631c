// How a kernel reports an element that it cannot work with.
#pragma once

#include "dlengine/kernels/cuda/context.h"

namespace dlengine::cuda {

/// The first thread to come keeps its report; the next copy to the host throws it.
__device__ inline void report_fault(Fault* fault, Fault::Kind kind, int64_t position, int64_t value,
                                    int64_t limit, const char* op = nullptr) {
  if (atomicCAS(&fault->claimed, 0u, 1u) != 0u) return;
  fault->kind = kind;
  fault->position = position;
  fault->value = value;
  fault->limit = limit;
  fault->op = op;
}

}  // namespace dlengine::cuda

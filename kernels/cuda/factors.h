// The alpha and beta of cuBLAS and cuDNN: 1 and 0 in the type in which they compute.
#pragma once

#include "dlengine/core/dtype.h"

namespace dlengine::cuda {

struct Factors {
  const void *one, *zero;
};

/// double for f64, else float.
inline Factors factors_for(DType dtype) {
  static constexpr float kOneF32 = 1, kZeroF32 = 0;
  static constexpr double kOneF64 = 1, kZeroF64 = 0;
  if (dtype == DType::f64) return {&kOneF64, &kZeroF64};
  return {&kOneF32, &kZeroF32};
}

}  // namespace dlengine::cuda

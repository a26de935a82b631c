// The Winograd kernels with AVX-512: 28 of 32 registers hold sums.
#include "dlengine/kernels/cpu/winograd_impl.h"

namespace dlengine::winograd {

Kernels avx512_kernels() { return Implementation<16, 14>::kernels(); }

}  // namespace dlengine::winograd

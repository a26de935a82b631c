// The Winograd kernels with AVX2 and FMA: 12 of 16 registers hold sums.
#include "dlengine/kernels/cpu/winograd_impl.h"

namespace dlengine::winograd {

Kernels avx2_kernels() { return Implementation<8, 6>::kernels(); }

}  // namespace dlengine::winograd

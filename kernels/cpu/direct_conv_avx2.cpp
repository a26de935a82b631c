// The loops of the direct convolution for AVX2 and FMA.
#include "dlengine/kernels/cpu/direct_conv_loops.h"
#include "dlengine/kernels/cpu/simd_avx2.h"

namespace dlengine::direct {

const Kernels& avx2_kernels() {
  static constexpr Kernels kKernels = Loops<simd::Avx2>::kernels;
  return kKernels;
}

}  // namespace dlengine::direct

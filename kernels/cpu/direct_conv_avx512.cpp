// The loops of the direct convolution for AVX-512F.
#include "dlengine/kernels/cpu/direct_conv_loops.h"
#include "dlengine/kernels/cpu/simd_avx512.h"

namespace dlengine::direct {

const Kernels& avx512_kernels() {
  static constexpr Kernels kKernels = Loops<simd::Avx512>::kernels;
  return kKernels;
}

}  // namespace dlengine::direct

// The innermost part of the matrix product for three generations of x86-64, of which the loader picks the
// best that the machine has.
#include "tests/emulator/libraries/gemm_strip.h"

#define DLENGINE_FOR_EACH_CPU __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))

namespace dlengine::emulator {

DLENGINE_FOR_EACH_CPU void multiply(const GemmSize& size, const float* a, const Strip<float>& strip,
                                    float* c) {
  multiply_strip(size, a, strip, c);
}
DLENGINE_FOR_EACH_CPU void multiply(const GemmSize& size, const double* a, const Strip<double>& strip,
                                    double* c) {
  multiply_strip(size, a, strip, c);
}

}  // namespace dlengine::emulator

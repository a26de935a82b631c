// The innermost part of the matrix product for any processor.
#include "tests/emulator/libraries/gemm_strip.h"

namespace dlengine::emulator {

void multiply(const GemmSize& size, const float* a, const Strip<float>& strip, float* c) {
  multiply_strip(size, a, strip, c);
}
void multiply(const GemmSize& size, const double* a, const Strip<double>& strip, double* c) {
  multiply_strip(size, a, strip, c);
}

}  // namespace dlengine::emulator

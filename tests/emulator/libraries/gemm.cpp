// The matrix product behind the library stand-ins: tiles of c in registers, strips of b packed for the cache.
#include "tests/emulator/libraries/gemm.h"

#include <algorithm>

#include "tests/emulator/libraries/gemm_strip.h"

namespace dlengine::emulator {

namespace {

template <typename T>
void pack(const GemmSize& size, const T* b, Strip<T>& strip) {
  constexpr int64_t kWidth = Wide<T>::kCount;
  const int64_t width = std::min(kWidth, size.n - strip.j), depth = std::min(kDepth, size.k - strip.k0);
  for (int64_t k = 0; k < depth; ++k) {
    T* to = strip.values + k * kWidth;
    std::copy_n(b + (strip.k0 + k) * size.n + strip.j, width, to);
    std::fill(to + width, to + kWidth, T(0));
  }
}

template <typename T>
void gemm_of(const GemmSize& size, const T* a, const T* b, T* c) {
  Strip<T> strip;
  for (strip.k0 = 0; strip.k0 < size.k; strip.k0 += kDepth) {
    for (strip.j = 0; strip.j < size.n; strip.j += Wide<T>::kCount) {
      pack(size, b, strip);
      multiply(size, a, strip, c);
    }
  }
}

template <typename T>
void transpose_of(int64_t rows, int64_t columns, const T* from, T* to) {
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = 0; j < columns; ++j) to[j * rows + i] = from[i * columns + j];
  }
}

}  // namespace

void gemm(const GemmSize& size, const float* a, const float* b, float* c) { gemm_of(size, a, b, c); }
void gemm(const GemmSize& size, const double* a, const double* b, double* c) { gemm_of(size, a, b, c); }

void transpose(int64_t rows, int64_t columns, const float* from, float* to) {
  transpose_of(rows, columns, from, to);
}
void transpose(int64_t rows, int64_t columns, const double* from, double* to) {
  transpose_of(rows, columns, from, to);
}

}  // namespace dlengine::emulator

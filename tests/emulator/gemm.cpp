// The matrix product behind the library stand-ins: tiles of c in registers, strips of b packed for the cache.
#include "tests/emulator/gemm.h"

#include <algorithm>
#include <cstring>

// The same source for three generations of x86-64, of which the loader picks the best that the machine has.
#define DLENGINE_FOR_EACH_CPU __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))

namespace dlengine::emulator {

namespace {

constexpr int64_t kRows = 6;        // of a tile of c
constexpr int64_t kDepth = 256;     // of a strip of b
constexpr size_t kWidthBytes = 64;  // of a tile and of a strip

// One row of a tile.
template <typename T>
struct Wide {
  typedef T Vector __attribute__((vector_size(kWidthBytes)));
  static constexpr int64_t kCount = kWidthBytes / sizeof(T);
};

// Rows [k0, k0 + kDepth) of b in its columns from j on, one tile wide, with zeros beyond b's last column.
template <typename T>
struct Strip {
  int64_t k0, j;
  alignas(kWidthBytes) T values[kDepth * Wide<T>::kCount];
};

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

// Adds to columns [j, j + width) of c the products of a's columns and the strip's rows, from k0 on.
template <typename T>
[[gnu::always_inline]] inline void multiply_strip(const GemmSize& size, const T* a, const Strip<T>& strip,
                                                  T* c) {
  using Vector = typename Wide<T>::Vector;
  constexpr int64_t kWidth = Wide<T>::kCount;
  const int64_t width = std::min(kWidth, size.n - strip.j), depth = std::min(kDepth, size.k - strip.k0);
  for (int64_t i = 0; i < size.m; i += kRows) {
    const int64_t rows = std::min(kRows, size.m - i);
    const T* row[kRows];  // the last one stands in for those that a tile lacks
    for (int64_t r = 0; r < kRows; ++r) row[r] = a + (i + std::min(r, rows - 1)) * size.k + strip.k0;
    Vector sum[kRows] = {};
    for (int64_t k = 0; k < depth; ++k) {
      Vector wide;
      std::memcpy(&wide, strip.values + k * kWidth, sizeof(wide));
      for (int64_t r = 0; r < kRows; ++r) sum[r] += row[r][k] * wide;
    }
    for (int64_t r = 0; r < rows; ++r) {
      T* to = c + (i + r) * size.n + strip.j;
      for (int64_t j = 0; j < width; ++j) to[j] += sum[r][j];
    }
  }
}

DLENGINE_FOR_EACH_CPU void multiply(const GemmSize& size, const float* a, const Strip<float>& strip,
                                    float* c) {
  multiply_strip(size, a, strip, c);
}
DLENGINE_FOR_EACH_CPU void multiply(const GemmSize& size, const double* a, const Strip<double>& strip,
                                    double* c) {
  multiply_strip(size, a, strip, c);
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

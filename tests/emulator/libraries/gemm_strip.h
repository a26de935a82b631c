// The innermost part of the matrix product: a strip of b, packed for the cache, times all of a.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "tests/emulator/libraries/gemm.h"

namespace dlengine::emulator {

inline constexpr int64_t kRows = 6;        // of a tile of c
inline constexpr int64_t kDepth = 256;     // of a strip of b
inline constexpr size_t kWidthBytes = 64;  // of a tile and of a strip

/// One row of a tile.
template <typename T>
struct Wide {
  typedef T Vector __attribute__((vector_size(kWidthBytes)));
  static constexpr int64_t kCount = kWidthBytes / sizeof(T);
};

/// Rows [k0, k0 + kDepth) of b in its columns from j on, one tile wide, with zeros beyond b's last column.
template <typename T>
struct Strip {
  int64_t k0, j;
  alignas(kWidthBytes) T values[kDepth * Wide<T>::kCount];
};

/// Adds to columns [j, j + width) of c the products of a's columns and the strip's rows, from k0 on.
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

/// The same, compiled for the machine's processor as well as the build can.
void multiply(const GemmSize& size, const float* a, const Strip<float>& strip, float* c);
void multiply(const GemmSize& size, const double* a, const Strip<double>& strip, double* c);

}  // namespace dlengine::emulator

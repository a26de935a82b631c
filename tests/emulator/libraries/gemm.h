// The matrix product behind the library stand-ins.
#pragma once

#include <cstdint>

namespace dlengine::emulator {

struct GemmSize {
  int64_t m, n, k;
};

/// c [m, n] += a [m, k] b [k, n]; all row-major and dense.
void gemm(const GemmSize& size, const float* a, const float* b, float* c);
void gemm(const GemmSize& size, const double* a, const double* b, double* c);

/// to [columns, rows] = the transpose of from [rows, columns].
void transpose(int64_t rows, int64_t columns, const float* from, float* to);
void transpose(int64_t rows, int64_t columns, const double* from, double* to);

}  // namespace dlengine::emulator

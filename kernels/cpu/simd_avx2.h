// Vectors of 8 floats, for sources that are compiled for AVX2 and FMA.
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace dlengine::simd {

struct Avx2 {
  using Vec = __m256;
  static constexpr int kLanes = 8;
  static constexpr int kRegisters = 16;

  static Vec load(const float* p) { return _mm256_loadu_ps(p); }
  static void store(float* p, Vec v) { _mm256_storeu_ps(p, v); }
  static Vec broadcast(float value) { return _mm256_set1_ps(value); }
  static Vec add(Vec a, Vec b) { return _mm256_add_ps(a, b); }
  /// a * b + c, rounded once.
  static Vec fma(Vec a, Vec b, Vec c) { return _mm256_fmadd_ps(a, b, c); }
  /// v where it is not below 0; keeps NaN.
  static Vec relu(Vec v) { return _mm256_max_ps(_mm256_setzero_ps(), v); }
  /// v where gate is above 0, else 0.
  static Vec gated(Vec v, Vec gate) {
    return _mm256_and_ps(_mm256_cmp_ps(gate, _mm256_setzero_ps(), _CMP_GT_OQ), v);
  }

  /// The first n lanes are those of p, the others are 0; n may be negative or above kLanes.
  static Vec load_first(const float* p, int64_t n) {
    return n >= kLanes ? load(p) : _mm256_maskload_ps(p, first(n));
  }
  static void store_first(float* p, Vec v, int64_t n) {
    if (n >= kLanes) {
      store(p, v);
    } else {
      _mm256_maskstore_ps(p, first(n), v);
    }
  }

  /// Lane i is float index[i] of all lanes of `from`.
  template <int N>
  static Vec pick(const Vec (&from)[N], const int32_t* index) {
    const __m256i lane = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(index));
    Vec picked = _mm256_permutevar8x32_ps(from[0], lane);
    for (int i = 1; i < N; ++i) {
      const __m256i mine = _mm256_cmpeq_epi32(_mm256_srli_epi32(lane, 3), _mm256_set1_epi32(i));
      picked = _mm256_blendv_ps(picked, _mm256_permutevar8x32_ps(from[i], lane), _mm256_castsi256_ps(mine));
    }
    return picked;
  }

  /// One step of a transposition: of the lanes i and i + D, for the i without bit D, a has those of a[i] and
  /// b[i] afterwards, and b those of a[i + D] and b[i + D].
  template <int D>
  static void exchange(Vec& a, Vec& b) {
    const Vec before = a;
    if constexpr (D == 4) {
      a = _mm256_permute2f128_ps(before, b, 0x20);
      b = _mm256_permute2f128_ps(before, b, 0x31);
    } else if constexpr (D == 2) {
      a = _mm256_shuffle_ps(before, b, 0x44);
      b = _mm256_shuffle_ps(before, b, 0xee);
    } else {
      a = _mm256_blend_ps(before, _mm256_moveldup_ps(b), 0xaa);
      b = _mm256_blend_ps(_mm256_movehdup_ps(before), b, 0xaa);
    }
  }

 private:
  /// n below kLanes.
  static __m256i first(int64_t n) {
    const int32_t count = n <= 0 ? 0 : static_cast<int32_t>(n);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
  }
};

}  // namespace dlengine::simd

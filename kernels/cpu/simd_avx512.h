// Vectors of 16 floats, for sources that are compiled for AVX-512F.
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace dlengine::simd {

struct Avx512 {
  using Vec = __m512;
  static constexpr int kLanes = 16;
  static constexpr int kRegisters = 32;

  static Vec load(const float* p) { return _mm512_loadu_ps(p); }
  static void store(float* p, Vec v) { _mm512_storeu_ps(p, v); }
  static Vec broadcast(float value) { return _mm512_set1_ps(value); }
  static Vec add(Vec a, Vec b) { return _mm512_add_ps(a, b); }
  /// a * b + c, rounded once.
  static Vec fma(Vec a, Vec b, Vec c) { return _mm512_fmadd_ps(a, b, c); }
  /// v where it is not below 0; keeps NaN.
  static Vec relu(Vec v) { return _mm512_max_ps(_mm512_setzero_ps(), v); }
  /// v where gate is above 0, else 0.
  static Vec gated(Vec v, Vec gate) {
    return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(gate, _mm512_setzero_ps(), _CMP_GT_OQ), v);
  }

  /// The first n lanes are those of p, the others are 0; n may be negative or above kLanes.
  static Vec load_first(const float* p, int64_t n) {
    return n >= kLanes ? load(p) : _mm512_maskz_loadu_ps(first(n), p);
  }
  static void store_first(float* p, Vec v, int64_t n) {
    if (n >= kLanes) {
      store(p, v);
    } else {
      _mm512_mask_storeu_ps(p, first(n), v);
    }
  }

  /// Lane i is float index[i] of all lanes of `from`.
  template <int N>
  static Vec pick(const Vec (&from)[N], const int32_t* index) {
    const __m512i lane = _mm512_loadu_si512(index);
    Vec picked = _mm512_permutex2var_ps(from[0], lane, from[N > 1 ? 1 : 0]);
    for (int i = 2; i < N; i += 2) {
      const __mmask16 mine = _mm512_cmpeq_epi32_mask(_mm512_srli_epi32(lane, 5), _mm512_set1_epi32(i / 2));
      const Vec pair = _mm512_permutex2var_ps(from[i], lane, from[i + 1 < N ? i + 1 : i]);
      picked = _mm512_mask_mov_ps(picked, mine, pair);
    }
    return picked;
  }

  /// One step of a transposition: of the lanes i and i + D, for the i without bit D, a has those of a[i] and
  /// b[i] afterwards, and b those of a[i + D] and b[i + D].
  template <int D>
  static void exchange(Vec& a, Vec& b) {
    using Lanes [[gnu::vector_size(64)]] = int32_t;
    constexpr Lanes lane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    constexpr Lanes high = lane & D, index = lane - high + high * (kLanes / D);  // b's lanes follow a's
    const Vec lower = _mm512_permutex2var_ps(a, reinterpret_cast<__m512i>(index), b);
    b = _mm512_permutex2var_ps(a, reinterpret_cast<__m512i>(index + D), b);
    a = lower;
  }

 private:
  /// n below kLanes.
  static __mmask16 first(int64_t n) { return static_cast<__mmask16>(n <= 0 ? 0 : (1 << n) - 1); }
};

}  // namespace dlengine::simd

// Internal: vectors of kLanes floats, and the one-dimensional transforms of F(4, 3) on them.
//
// They interpolate at 0, ±a, ±b and infinity with a = sqrt(1/2), b = sqrt(2). In f32 this halves the error of
// the usual points 0, ±1, ±2. In all of them s is the distance between the elements of y.
#pragma once

#include <cstdint>

namespace dlengine::winograd {

template <int kLanes>
struct Transforms {
  typedef float Vec __attribute__((vector_size(kLanes * 4)));

  static Vec load(const float* p) {
    Vec v;
    __builtin_memcpy(&v, p, sizeof(v));
    return v;
  }
  static void store(float* p, Vec v) { __builtin_memcpy(p, &v, sizeof(v)); }

  /// Row i of points, which lie `stride` apart.
  template <int count>
  static void store_points(float* first, int64_t stride, int i, const Vec* row) {
#pragma GCC unroll 6
    for (int j = 0; j < count; ++j) store(first + (count * i + j) * stride, row[j]);
  }

  static constexpr float kA = 0.70710678f, kB = 1.41421356f;

  /// 6 inputs -> 6 points
  static void input_points(const Vec* d, Vec* y, int s) {
    const Vec even_a = d[4] - 2 * d[2], odd_a = d[3] - 2 * d[1];
    const Vec even_b = d[4] - 0.5f * d[2], odd_b = d[3] - 0.5f * d[1];
    y[0] = d[0] + d[4] - 2.5f * d[2];
    y[s] = even_a + kA * odd_a;
    y[2 * s] = even_a - kA * odd_a;
    y[3 * s] = even_b + kB * odd_b;
    y[4 * s] = even_b - kB * odd_b;
    y[5 * s] = d[1] + d[5] - 2.5f * d[3];
  }

  /// 6 points -> 4 outputs
  static void outputs(const Vec* m, Vec* y, int s) {
    const Vec even_a = m[1] + m[2], odd_a = m[1] - m[2];
    const Vec even_b = m[3] + m[4], odd_b = m[3] - m[4];
    y[0] = m[0] + even_a + even_b;
    y[s] = kA * odd_a + kB * odd_b;
    y[2 * s] = 0.5f * even_a + 2 * even_b;
    y[3 * s] = m[5] + (kA / 2) * odd_a + (2 * kB) * odd_b;
  }

  /// 3 taps -> 6 points
  static void filter_points(const Vec* g, Vec* y, int s) {
    const Vec even_a = (-2 / 3.0f) * g[0] - (1 / 3.0f) * g[2], odd_a = (-2 / 3.0f * kA) * g[1];
    const Vec even_b = (1 / 6.0f) * g[0] + (1 / 3.0f) * g[2], odd_b = (1 / 6.0f * kB) * g[1];
    y[0] = g[0];
    y[s] = even_a + odd_a;
    y[2 * s] = even_a - odd_a;
    y[3 * s] = even_b + odd_b;
    y[4 * s] = even_b - odd_b;
    y[5 * s] = g[2];
  }

  /// 4 gradients of outputs -> 6 points: the transpose of outputs()
  static void gradient_points(const Vec* d, Vec* y, int s) {
    const Vec even_a = d[0] + 0.5f * d[2], odd_a = kA * d[1] + (kA / 2) * d[3];
    const Vec even_b = d[0] + 2 * d[2], odd_b = kB * d[1] + (2 * kB) * d[3];
    y[0] = d[0];
    y[s] = even_a + odd_a;
    y[2 * s] = even_a - odd_a;
    y[3 * s] = even_b + odd_b;
    y[4 * s] = even_b - odd_b;
    y[5 * s] = d[3];
  }

  /// 6 points -> 3 gradients of taps: the transpose of filter_points()
  static void filter_gradients(const Vec* m, Vec* y, int s) {
    const Vec even_a = m[1] + m[2], odd_a = m[1] - m[2];
    const Vec even_b = m[3] + m[4], odd_b = m[3] - m[4];
    y[0] = m[0] - (2 / 3.0f) * even_a + (1 / 6.0f) * even_b;
    y[s] = (1 / 6.0f * kB) * odd_b - (2 / 3.0f * kA) * odd_a;
    y[2 * s] = m[5] + (1 / 3.0f) * (even_b - even_a);
  }

  /// Applies f, which makes `to` elements of `from`, to the columns and then the rows of a square:
  /// store_row(i, v) gets rows of the results of load(i, j).
  template <int from, int to, auto f, typename Load, typename StoreRow>
  [[gnu::always_inline]] static inline void square(const Load& load, const StoreRow& store_row,
                                                   int64_t rows = to) {
    Vec in[from], half[to * from], out[to];
#pragma GCC unroll 6
    for (int j = 0; j < from; ++j) {
#pragma GCC unroll 6
      for (int i = 0; i < from; ++i) in[i] = load(i, j);
      f(in, half + j, from);
    }
#pragma GCC unroll 6
    for (int i = 0; i < to; ++i) {
      if (i >= rows) break;
      f(half + i * from, out, 1);
      store_row(i, out);
    }
  }
};

}  // namespace dlengine::winograd

// Max and average pooling; of row-major images one plane [H, W] at a time.
#include <algorithm>
#include <bit>
#include <type_traits>

#include "dlengine/core/dtype.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/ops/common.h"
#include "dlengine/kernels/cpu/backend_cpu.h"
#include "dlengine/kernels/cpu/launch.h"
#include "dlengine/kernels/cpu/map.h"
#include "dlengine/kernels/cpu/pool.h"
#include "dlengine/kernels/cpu/scratch.h"
#include "dlengine/kernels/functors.h"

namespace dlengine {

namespace {

/// Position of the first largest pixel in row-major order; NaN is larger than all.
template <typename T>
int64_t largest_pixel(const T* x, int64_t width, const Window& window) {
  using A = Accumulate<T>;
  int64_t best = window.top * width + window.left;
  for (int64_t h = window.top; h < window.bottom; ++h) {
    for (int64_t w = window.left; w < window.right; ++w) {
      const A value = A(x[h * width + w]), largest = A(x[best]);
      if (value > largest || (value != value && largest == largest)) best = h * width + w;
    }
  }
  return best;
}

/// The unsigned integer of an element's size.
template <typename T>
using BitsOf =
    std::conditional_t<sizeof(T) == 2, uint16_t, std::conditional_t<sizeof(T) == 4, uint32_t, uint64_t>>;

/// A plane of the usual case: one row of results from two rows of pixels.
template <typename T>
DLENGINE_VECTORIZED void halve_plane(const PoolSizes& s, const T* __restrict x, T* __restrict y) {
  using A = Accumulate<T>;
  const int64_t rows = s.p, results = s.q, width = s.w;
  for (int64_t row = 0; row < rows; ++row) {
    const T *a = x + 2 * row * width, *b = a + width;
    for (int64_t i = 0; i < results; ++i) {
      const A above = Maximum::value(A(a[2 * i]), A(a[2 * i + 1]));
      const A below = Maximum::value(A(b[2 * i]), A(b[2 * i + 1]));
      y[row * results + i] = T(Maximum::value(above, below));
    }
  }
}

/// Two rows of dx, at da and db, from one row of results. Each pixel takes the gradient's bits if it is the
/// largest and leaves none to the later ones; masks instead of branches, which would be predicted wrong half
/// of the time.
template <typename T>
inline void halve_row_grad(const T* __restrict a, const T* __restrict b, const T* __restrict y,
                           const T* __restrict dy, T* __restrict da, T* __restrict db, int64_t n) {
  using A = Accumulate<T>;
  using Bits = BitsOf<T>;
  for (int64_t i = 0; i < n; ++i) {
    const A largest = A(y[i]);
    Bits left = std::bit_cast<Bits>(dy[i]);
    const auto take = [&left, largest](T x) {
      const Bits won = Bits(int(A(x) == largest) | int(A(x) != A(x)));  // a NaN is the largest
      const Bits taken = left & Bits(0 - won);
      left ^= taken;
      return std::bit_cast<T>(taken);
    };
    da[2 * i] = take(a[2 * i]);
    da[2 * i + 1] = take(a[2 * i + 1]);
    db[2 * i] = take(b[2 * i]);
    db[2 * i + 1] = std::bit_cast<T>(left);
  }
}

template <typename T>
DLENGINE_VECTORIZED void halve_plane_grad(const PoolSizes& s, const T* x, const T* y, const T* dy, T* dx) {
  const int64_t rows = s.p, results = s.q, width = s.w;
  for (int64_t row = 0; row < rows; ++row) {
    const int64_t above = 2 * row * width, below = above + width, result = row * results;
    halve_row_grad(x + above, x + below, y + result, dy + result, dx + above, dx + below, results);
    if (width % 2) dx[above + width - 1] = dx[below + width - 1] = T(0.0f);
  }
  if (s.h % 2) std::fill_n(dx + (s.h - 1) * width, width, T(0.0f));
}

template <typename T>
void max_pool_plane(const PoolSizes& s, const T* x, T* y) {
  if (s.halves()) return halve_plane(s, x, y);
  for (int64_t i = 0; i < s.p; ++i) {
    for (int64_t j = 0; j < s.q; ++j) y[i * s.q + j] = x[largest_pixel(x, s.w, Window(s, i, j))];
  }
}

template <typename T>
void max_pool_plane_indices(const PoolSizes& s, const T* x, int64_t* index) {
  for (int64_t i = 0; i < s.p; ++i) {
    for (int64_t j = 0; j < s.q; ++j) index[i * s.q + j] = largest_pixel(x, s.w, Window(s, i, j));
  }
}

/// sums: a plane of the accumulation type.
template <typename T, typename A>
void max_pool_plane_grad(const PoolSizes& s, const T* x, const T* dy, A* sums) {
  for (int64_t i = 0; i < s.p; ++i) {
    for (int64_t j = 0; j < s.q; ++j) sums[largest_pixel(x, s.w, Window(s, i, j))] += A(dy[i * s.q + j]);
  }
}

template <typename T>
void avg_pool_plane(const PoolSizes& s, const T* x, T* y) {
  using A = Accumulate<T>;
  for (int64_t i = 0; i < s.p; ++i) {
    for (int64_t j = 0; j < s.q; ++j) {
      const Window window(s, i, j);
      A sum = 0;
      for (int64_t h = window.top; h < window.bottom; ++h) {
        for (int64_t w = window.left; w < window.right; ++w) sum += A(x[h * s.w + w]);
      }
      y[i * s.q + j] = T(sum / A(window.divisor(s)));
    }
  }
}

template <typename T, typename A>
void avg_pool_plane_grad(const PoolSizes& s, const T* dy, A* sums) {
  for (int64_t i = 0; i < s.p; ++i) {
    for (int64_t j = 0; j < s.q; ++j) {
      const Window window(s, i, j);
      const A share = A(dy[i * s.q + j]) / A(window.divisor(s));
      for (int64_t h = window.top; h < window.bottom; ++h) {
        for (int64_t w = window.left; w < window.right; ++w) sums[h * s.w + w] += share;
      }
    }
  }
}

/// Launches f(plane number) for all planes of x; in parallel.
template <typename F>
void launch_planes(const PoolSizes& s, F f) {
  const int64_t grain = std::max<int64_t>(1, kGrain / std::max<int64_t>(1, s.pixels()));
  launch_for(s.n * s.c, grain, [f](int64_t begin, int64_t end) {
    for (int64_t plane = begin; plane < end; ++plane) f(plane);
  });
}

/// Launches dx plane by plane from f(plane number, sums), where sums is a plane of zeros that f adds to.
template <typename T, typename F>
void launch_sums(const PoolSizes& s, T* dx, F f) {
  using A = Accumulate<T>;
  launch_planes(s, [s, dx, f](int64_t plane) {
    T* out = dx + plane * s.pixels();
    if constexpr (std::is_same_v<T, A>) {
      std::fill_n(out, s.pixels(), A(0));
      f(plane, out);
    } else {
      const Scratch memory(size_t(s.pixels()) * sizeof(A));
      A* sums = memory.as<A>();
      std::fill_n(sums, s.pixels(), A(0));
      f(plane, sums);
      for (int64_t i = 0; i < s.pixels(); ++i) out[i] = T(sums[i]);
    }
  });
}

/// Without the ending.
void launch_max_pool(const Tensor& x, const Pool2dParams& params, Tensor& y) {
  const PoolSizes s(x.shape(), y.shape(), params);
  if (!x.is_contiguous()) return launch_max_pool_channels_last(s, x.data<float>(), y.data<float>());
  visit_floating(x.dtype(), "max_pool2d", [&]<typename T>(Type<T>) {
    launch_planes(s, [s, in = x.data<T>(), out = y.data<T>()](int64_t i) {
      max_pool_plane(s, in + i * s.pixels(), out + i * s.results());
    });
  });
}

}  // namespace

void CpuBackend::max_pool2d(const Tensor& x, const Pool2dParams& params, Tensor& y) {
  launch_max_pool(x, params, y);
  finish(params.ending, y);
}

void CpuBackend::max_pool2d_grad(const Tensor& x, const Tensor& y, const Tensor& dy,
                                 const Pool2dParams& params, Tensor& dx) {
  const PoolSizes s(x.shape(), y.shape(), params);
  if (!x.is_contiguous()) {
    return launch_max_pool_grad_channels_last(
        s, {x.data<float>(), y.data<float>(), dy.data<float>(), dx.data<float>()});
  }
  const bool activated = params.ending.activation == Activation::relu, dropped = params.ending.dropout > 0;
  const Tensor before = activated ? before_activation(y, dy, params.ending.scale()) : dy;
  Tensor largest = dropped ? empty_like(y) : y;
  if (dropped) launch_max_pool(x, params, largest);
  visit_floating(x.dtype(), "max_pool2d_grad", [&]<typename T>(Type<T>) {
    const T *in = x.data<T>(), *results = largest.data<T>(), *gradients = before.data<T>();
    if (s.halves()) {
      return launch_planes(s, [=, out = dx.data<T>()](int64_t i) {
        const int64_t pixel = i * s.pixels(), result = i * s.results();
        halve_plane_grad(s, in + pixel, results + result, gradients + result, out + pixel);
      });
    }
    launch_sums(s, dx.data<T>(), [=](int64_t i, Accumulate<T>* sums) {
      max_pool_plane_grad(s, in + i * s.pixels(), gradients + i * s.results(), sums);
    });
  });
}

void CpuBackend::max_pool2d_indices(const Tensor& x, const Pool2dParams& params, Tensor& index) {
  const PoolSizes s(x.shape(), index.shape(), params);
  visit_floating(x.dtype(), "max_pool2d_indices", [&]<typename T>(Type<T>) {
    launch_planes(s, [s, in = x.data<T>(), out = index.data<int64_t>()](int64_t plane) {
      max_pool_plane_indices(s, in + plane * s.pixels(), out + plane * s.results());
    });
  });
}

void CpuBackend::avg_pool2d(const Tensor& x, const Pool2dParams& params, Tensor& y) {
  const PoolSizes s(x.shape(), y.shape(), params);
  if (!x.is_contiguous()) return launch_avg_pool_channels_last(s, x.data<float>(), y.data<float>());
  visit_floating(x.dtype(), "avg_pool2d", [&]<typename T>(Type<T>) {
    launch_planes(s, [s, in = x.data<T>(), out = y.data<T>()](int64_t i) {
      avg_pool_plane(s, in + i * s.pixels(), out + i * s.results());
    });
  });
}

void CpuBackend::avg_pool2d_grad(const Tensor& dy, const Pool2dParams& params, Tensor& dx) {
  const PoolSizes s(dx.shape(), dy.shape(), params);
  if (!dx.is_contiguous()) return launch_avg_pool_grad_channels_last(s, dy.data<float>(), dx.data<float>());
  visit_floating(dx.dtype(), "avg_pool2d_grad", [&]<typename T>(Type<T>) {
    launch_sums(s, dx.data<T>(), [s, gradients = dy.data<T>()](int64_t i, Accumulate<T>* sums) {
      avg_pool_plane_grad(s, gradients + i * s.results(), sums);
    });
  });
}

}  // namespace dlengine

// Pooling. Not cuDNN's, which leaves open which of two equal pixels gets the gradient, and in which order
// sums run.
#include "dlengine/kernels/cuda/backend_cuda.h"
#include "dlengine/kernels/cuda/context.h"
#include "dlengine/kernels/cuda/launch.h"
#include "dlengine/kernels/cuda/vec.cuh"
#include "dlengine/kernels/cuda/walk.cuh"
#include "dlengine/kernels/functors.h"

namespace dlengine::cuda {

namespace {

// x [planes, h, w], y [planes, p, q], planes = N*C.
struct PoolShape {
  int64_t planes;
  int h, w, p, q;
  int kernel_h, kernel_w, stride_h, stride_w, padding_h, padding_w;
  bool count_padding;

  PoolShape(const Tensor& x, const Tensor& y, const Pool2dParams& params)
      : planes(x.shape()[0] * x.shape()[1]),
        h(int(x.shape()[2])),
        w(int(x.shape()[3])),
        p(int(y.shape()[2])),
        q(int(y.shape()[3])),
        kernel_h(int(params.kernel.h)),
        kernel_w(int(params.kernel.w)),
        stride_h(int(params.stride.h ? params.stride.h : params.kernel.h)),
        stride_w(int(params.stride.w ? params.stride.w : params.kernel.w)),
        padding_h(int(params.padding.h)),
        padding_w(int(params.padding.w)),
        count_padding(params.count_include_pad) {}
  bool tiles() const {
    return kernel_h == stride_h && kernel_w == stride_w && padding_h == 0 && padding_w == 0;
  }
};

// Rows and columns [.._begin, .._end) of something.
struct Window {
  int row_begin, row_end, column_begin, column_end;
  __device__ int area() const { return (row_end - row_begin) * (column_end - column_begin); }
};

// The pixels of x under the window of pixel (p, q) of y.
__device__ Window pixels_under(const PoolShape& s, int p, int q) {
  const int top = p * s.stride_h - s.padding_h, left = q * s.stride_w - s.padding_w;
  return {max(top, 0), min(top + s.kernel_h, s.h), max(left, 0), min(left + s.kernel_w, s.w)};
}

// The pixels of y whose windows are over pixel (row, column) of x.
__device__ Window windows_over(const PoolShape& s, int row, int column) {
  const int bottom = row + s.padding_h, right = column + s.padding_w;
  return {bottom < s.kernel_h ? 0 : (bottom - s.kernel_h) / s.stride_h + 1, min(bottom / s.stride_h + 1, s.p),
          right < s.kernel_w ? 0 : (right - s.kernel_w) / s.stride_w + 1, min(right / s.stride_w + 1, s.q)};
}

__device__ int divisor(const PoolShape& s, const Window& window) {
  return s.count_padding ? s.kernel_h * s.kernel_w : window.area();
}

// Where one thread is: plane, row and column of image i.
struct Pixel {
  int64_t plane;
  int row, column;
};

__device__ Pixel pixel_at(int64_t i, int rows, int columns) {
  const Split column = split(i, columns);
  const Split row = split(column.quotient, rows);
  return {row.quotient, int(row.rest), int(column.rest)};
}

// What y ends in.
template <typename A>
struct Finish {
  bool relu, drops;
  uint32_t threshold;
  A scale;
  PhiloxKey key;

  explicit Finish(const Ending& ending)
      : relu(ending.activation == Activation::relu),
        drops(ending.dropout > 0),
        threshold(dropout_threshold(ending.dropout)),
        scale(A(ending.scale())),
        key(ending.key) {}
};

// Largest pixel of a window. Padding is at most half of the kernel, so the window has a pixel.
template <typename T>
__device__ Accumulate<T> largest_pixel(const T* image, int width, const Window& window) {
  Accumulate<T> largest = widen(image[int64_t{window.row_begin} * width + window.column_begin]);
  for (int row = window.row_begin; row < window.row_end; ++row) {
    for (int column = window.column_begin; column < window.column_end; ++column) {
      largest = Maximum::value(largest, widen(image[int64_t{row} * width + column]));
    }
  }
  return largest;
}

// With dropout a thread computes the four pixels that share a block of random words, else one.
template <typename T, int kPixels>
__global__ void max_pool_kernel(PoolShape s, Finish<Accumulate<T>> finish, const T* x, T* y) {
  const int64_t first = thread_number() * kPixels, count = s.planes * s.p * s.q;
  if (first >= count) return;
  PhiloxBlock bits{};
  if constexpr (kPixels > 1) bits = philox(finish.key.now(), uint64_t(first) / kPixels);
#pragma unroll
  for (int lane = 0; lane < kPixels; ++lane) {
    if (first + lane >= count) break;
    const Pixel out = pixel_at(first + lane, s.p, s.q);
    const Window window = pixels_under(s, out.row, out.column);
    Accumulate<T> value = largest_pixel(x + out.plane * s.h * s.w, s.w, window);
    if (finish.relu) value = Relu::value(value);
    if constexpr (kPixels > 1) {
      value = bits.word[lane] >= finish.threshold ? value * finish.scale : Accumulate<T>(0);
    }
    y[first + lane] = narrow<T>(value);
  }
}

template <typename A>
__device__ bool same_value(A a, A b) {
  return a == b || (a != a && b != b);
}

// True if no pixel of the window before this one has the window's largest value.
template <typename T>
__device__ bool is_first(const T* image, int width, const Window& window, Accumulate<T> largest,
                         const Pixel& pixel) {
  for (int row = window.row_begin; row <= pixel.row; ++row) {
    const int end = row == pixel.row ? pixel.column : window.column_end;
    for (int column = window.column_begin; column < end; ++column) {
      if (same_value(widen(image[int64_t{row} * width + column]), largest)) return false;
    }
  }
  return true;
}

// index[i]: row * w + column of the first largest pixel of window i.
template <typename T>
__global__ void max_pool_indices_kernel(PoolShape s, const T* x, int64_t* index) {
  const int64_t i = thread_number();
  if (i >= s.planes * s.p * s.q) return;
  const Pixel out = pixel_at(i, s.p, s.q);
  const Window window = pixels_under(s, out.row, out.column);
  const T* image = x + out.plane * s.h * s.w;
  const Accumulate<T> largest = largest_pixel(image, s.w, window);
  int64_t first = -1;
  for (int row = window.row_begin; first < 0 && row < window.row_end; ++row) {
    for (int column = window.column_begin; first < 0 && column < window.column_end; ++column) {
      const int64_t at = int64_t{row} * s.w + column;
      if (same_value(widen(image[at]), largest)) first = at;
    }
  }
  index[i] = first;
}

// The gradient that a window with the result y sends to its largest pixel.
template <typename T>
__device__ T gradient_of_window(const Finish<Accumulate<T>>& finish, T y, T dy) {
  return finish.relu ? narrow<T>(ReluMask<Accumulate<T>>{finish.scale}(widen(y), widen(dy))) : dy;
}

// Windows that neither overlap nor leave gaps: a thread for each of them, and for each rest of one at the
// lower and right edges, writes its pixels of dx.
template <typename T>
__global__ void max_pool_tiles_grad_kernel(PoolShape s, Finish<Accumulate<T>> finish, const T* x, const T* y,
                                           const T* dy, T* dx) {
  const int rows = (s.h + s.kernel_h - 1) / s.kernel_h, columns = (s.w + s.kernel_w - 1) / s.kernel_w;
  const int64_t i = thread_number();
  if (i >= s.planes * rows * columns) return;
  const Pixel tile = pixel_at(i, rows, columns);
  const Window window = pixels_under(s, tile.row, tile.column);
  const int64_t image = tile.plane * s.h * s.w;
  const bool whole = tile.row < s.p && tile.column < s.q;
  T gradient(0);
  if (whole) {
    const int64_t place = (tile.plane * s.p + tile.row) * s.q + tile.column;
    gradient = gradient_of_window(finish, y[place], dy[place]);
  }
  const Accumulate<T> largest = largest_pixel(x + image, s.w, window);
  for (int row = window.row_begin; row < window.row_end; ++row) {
    for (int column = window.column_begin; column < window.column_end; ++column) {
      const int64_t at = image + int64_t{row} * s.w + column;
      const bool wins = same_value(widen(x[at]), largest);
      dx[at] = wins ? gradient : T(0);
      if (wins) gradient = T(0);  // the first takes it
    }
  }
}

// A thread per pixel of x adds what the windows over it send, in the order of the windows.
template <typename T>
__global__ void max_pool_grad_kernel(PoolShape s, Finish<Accumulate<T>> finish, const T* x, const T* y,
                                     const T* dy, T* dx) {
  const int64_t i = thread_number();
  if (i >= s.planes * s.h * s.w) return;
  const Pixel pixel = pixel_at(i, s.h, s.w);
  const Window over = windows_over(s, pixel.row, pixel.column);
  const T* image = x + pixel.plane * s.h * s.w;
  const Accumulate<T> value = widen(x[i]);
  Accumulate<T> sum(0);
  for (int p = over.row_begin; p < over.row_end; ++p) {
    for (int q = over.column_begin; q < over.column_end; ++q) {
      const int64_t place = (pixel.plane * s.p + p) * s.q + q;
      const Window window = pixels_under(s, p, q);
      // Behind relu alone y differs from the largest pixel only where it sends nothing.
      const Accumulate<T> largest = finish.drops ? largest_pixel(image, s.w, window) : widen(y[place]);
      if (!same_value(value, largest) || !is_first(image, s.w, window, largest, pixel)) continue;
      sum += widen(gradient_of_window(finish, y[place], dy[place]));
    }
  }
  dx[i] = narrow<T>(sum);
}

template <typename T>
__global__ void avg_pool_kernel(PoolShape s, const T* x, T* y) {
  const int64_t i = thread_number();
  if (i >= s.planes * s.p * s.q) return;
  const Pixel out = pixel_at(i, s.p, s.q);
  const Window window = pixels_under(s, out.row, out.column);
  const T* image = x + out.plane * s.h * s.w;
  Accumulate<T> sum(0);
  for (int row = window.row_begin; row < window.row_end; ++row) {
    for (int column = window.column_begin; column < window.column_end; ++column) {
      sum += widen(image[int64_t{row} * s.w + column]);
    }
  }
  y[i] = narrow<T>(sum / Accumulate<T>(divisor(s, window)));
}

template <typename T>
__global__ void avg_pool_grad_kernel(PoolShape s, const T* dy, T* dx) {
  const int64_t i = thread_number();
  if (i >= s.planes * s.h * s.w) return;
  const Pixel pixel = pixel_at(i, s.h, s.w);
  const Window over = windows_over(s, pixel.row, pixel.column);
  Accumulate<T> sum(0);
  for (int p = over.row_begin; p < over.row_end; ++p) {
    for (int q = over.column_begin; q < over.column_end; ++q) {
      const Accumulate<T> share = widen(dy[(pixel.plane * s.p + p) * s.q + q]);
      sum += share / Accumulate<T>(divisor(s, pixels_under(s, p, q)));
    }
  }
  dx[i] = narrow<T>(sum);
}

}  // namespace

void CudaBackend::max_pool2d(const Tensor& x, const Pool2dParams& params, Tensor& y) {
  if (y.numel() == 0) return;
  const int pixels = params.ending.dropout > 0 ? 4 : 1;  // of a thread
  visit_floating(x.dtype(), "max_pool2d", [&]<typename T>(Type<T>) {
    const auto max_pool = pixels == 4 ? max_pool_kernel<T, 4> : max_pool_kernel<T, 1>;
    DLENGINE_LAUNCH(max_pool, blocks_for(y.numel(), kThreads * pixels), kThreads, 0, enter(x.device()),
                    PoolShape(x, y, params), Finish<Accumulate<T>>(params.ending), x.data<T>(), y.data<T>());
  });
}

void CudaBackend::max_pool2d_grad(const Tensor& x, const Tensor& y, const Tensor& dy,
                                  const Pool2dParams& params, Tensor& dx) {
  if (dx.numel() == 0) return;
  const PoolShape s(x, y, params);
  visit_floating(x.dtype(), "max_pool2d_grad", [&]<typename T>(Type<T>) {
    const int64_t threads =
        s.tiles() ? s.planes * blocks_for(s.h, s.kernel_h) * blocks_for(s.w, s.kernel_w) : dx.numel();
    const auto max_pool_grad = s.tiles() ? max_pool_tiles_grad_kernel<T> : max_pool_grad_kernel<T>;
    DLENGINE_LAUNCH(max_pool_grad, blocks_for(threads, kThreads), kThreads, 0, enter(x.device()), s,
                    Finish<Accumulate<T>>(params.ending), x.data<T>(), y.data<T>(), dy.data<T>(),
                    dx.data<T>());
  });
}

void CudaBackend::max_pool2d_indices(const Tensor& x, const Pool2dParams& params, Tensor& index) {
  if (index.numel() == 0) return;
  visit_floating(x.dtype(), "max_pool2d_indices", [&]<typename T>(Type<T>) {
    DLENGINE_LAUNCH(max_pool_indices_kernel<T>, blocks_for(index.numel(), kThreads), kThreads, 0,
                    enter(x.device()), PoolShape(x, index, params), x.data<T>(), index.data<int64_t>());
  });
}

void CudaBackend::avg_pool2d(const Tensor& x, const Pool2dParams& params, Tensor& y) {
  if (y.numel() == 0) return;
  visit_floating(x.dtype(), "avg_pool2d", [&]<typename T>(Type<T>) {
    DLENGINE_LAUNCH(avg_pool_kernel<T>, blocks_for(y.numel(), kThreads), kThreads, 0, enter(x.device()),
                    PoolShape(x, y, params), x.data<T>(), y.data<T>());
  });
}

void CudaBackend::avg_pool2d_grad(const Tensor& dy, const Pool2dParams& params, Tensor& dx) {
  if (dx.numel() == 0) return;
  visit_floating(dy.dtype(), "avg_pool2d_grad", [&]<typename T>(Type<T>) {
    DLENGINE_LAUNCH(avg_pool_grad_kernel<T>, blocks_for(dx.numel(), kThreads), kThreads, 0,
                    enter(dy.device()), PoolShape(dx, dy, params), dy.data<T>(), dx.data<T>());
  });
}

}  // namespace dlengine::cuda

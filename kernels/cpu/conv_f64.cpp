// Convolution in f64: plain loops over planes and taps, along rows of pixels. Used to check gradients.
#include <algorithm>

#include "dlengine/kernels/cpu/conv.h"
#include "dlengine/kernels/cpu/launch.h"

namespace dlengine {

namespace {

/// Results first .. last - 1 along one axis whose pixel for a tap lies inside of the image, and the first
/// such pixel.
struct TapRange {
  int64_t first, last, pixel;

  TapRange(int64_t tap, int64_t size, int64_t results, int64_t stride, int64_t padding, int64_t dilation) {
    const int64_t shift = tap * dilation - padding;  // pixel = result * stride + shift
    first = shift >= 0 ? 0 : (-shift + stride - 1) / stride;
    last = size <= shift ? 0 : std::min(results, (size - shift - 1) / stride + 1);
    pixel = first * stride + shift;
  }
};

/// Calls f(result, pixel, count) for every row of results of a tap, where `count` results beginning with
/// number `result` of the plane belong to pixels beginning with number `pixel`, stride.w apart.
template <typename F>
void for_each_row(const ConvSizes& z, int64_t r, int64_t s, const F& f) {
  const Conv2dParams& params = z.params;
  const TapRange rows(r, z.h, z.p, params.stride.h, params.padding.h, params.dilation.h);
  const TapRange columns(s, z.w, z.q, params.stride.w, params.padding.w, params.dilation.w);
  if (columns.first >= columns.last) return;
  for (int64_t i = rows.first; i < rows.last; ++i) {
    const int64_t pixel_row = rows.pixel + (i - rows.first) * params.stride.h;
    f(i * z.q + columns.first, pixel_row * z.w + columns.pixel, columns.last - columns.first);
  }
}

/// Calls f(tap number, r, s) for every tap of a filter plane.
template <typename F>
void for_each_tap(const ConvSizes& z, const F& f) {
  for (int64_t r = 0; r < z.r; ++r) {
    for (int64_t s = 0; s < z.s; ++s) f(r * z.s + s, r, s);
  }
}

/// Launches f(i) for 0 .. count - 1; in parallel.
template <typename F>
void launch_each(int64_t count, F f) {
  launch_for(count, 1, [f](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) f(i);
  });
}

}  // namespace

void conv2d_f64(const ConvSizes& z, const double* x, const double* filters, const double* bias, double* y) {
  const int64_t inputs = z.group_inputs(), taps = z.r * z.s, step = z.params.stride.w;
  launch_each(z.n * z.k, [=](int64_t plane) {
    const int64_t image = plane / z.k, k = plane % z.k;
    double* out = y + plane * z.p * z.q;
    std::fill_n(out, z.p * z.q, bias ? bias[k] : 0.0);
    for (int64_t c = 0; c < inputs; ++c) {
      const double* in = x + (image * z.c + k / z.group_outputs() * inputs + c) * z.h * z.w;
      for_each_tap(z, [&](int64_t tap, int64_t r, int64_t s) {
        const double weight = filters[(k * inputs + c) * taps + tap];
        for_each_row(z, r, s, [&](int64_t result, int64_t pixel, int64_t count) {
          for (int64_t i = 0; i < count; ++i) out[result + i] += weight * in[pixel + i * step];
        });
      });
    }
  });
}

void conv2d_grad_input_f64(const ConvSizes& z, const double* dy, const double* filters, double* dx) {
  const int64_t inputs = z.group_inputs(), outputs = z.group_outputs(), taps = z.r * z.s,
                step = z.params.stride.w;
  launch_each(z.n * z.c, [=](int64_t plane) {
    const int64_t image = plane / z.c, c = plane % z.c;
    double* out = dx + plane * z.h * z.w;
    std::fill_n(out, z.h * z.w, 0.0);
    for (int64_t k = c / inputs * outputs; k < (c / inputs + 1) * outputs; ++k) {
      const double* in = dy + (image * z.k + k) * z.p * z.q;
      for_each_tap(z, [&](int64_t tap, int64_t r, int64_t s) {
        const double weight = filters[(k * inputs + c % inputs) * taps + tap];
        for_each_row(z, r, s, [&](int64_t result, int64_t pixel, int64_t count) {
          for (int64_t i = 0; i < count; ++i) out[pixel + i * step] += weight * in[result + i];
        });
      });
    }
  });
}

void conv2d_grad_weight_f64(const ConvSizes& z, const double* dy, const double* x, double* dfilters) {
  const int64_t inputs = z.group_inputs(), taps = z.r * z.s, step = z.params.stride.w;
  launch_each(z.k * inputs, [=](int64_t plane) {
    const int64_t k = plane / inputs, c = k / z.group_outputs() * inputs + plane % inputs;
    for_each_tap(z, [&](int64_t tap, int64_t r, int64_t s) {
      double sum = 0;
      for (int64_t image = 0; image < z.n; ++image) {
        const double* gradient = dy + (image * z.k + k) * z.p * z.q;
        const double* in = x + (image * z.c + c) * z.h * z.w;
        for_each_row(z, r, s, [&](int64_t result, int64_t pixel, int64_t count) {
          double row = 0;
          for (int64_t i = 0; i < count; ++i) row += gradient[result + i] * in[pixel + i * step];
          sum += row;
        });
      }
      dfilters[plane * taps + tap] = sum;
    });
  });
}

}  // namespace dlengine

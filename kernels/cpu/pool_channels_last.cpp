// Pooling of channels-last images in f32: the channels of a pixel lie side by side, so loops run over them.
#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <type_traits>

#include "dlengine/kernels/cpu/launch.h"
#include "dlengine/kernels/cpu/map.h"
#include "dlengine/kernels/cpu/pool.h"
#include "dlengine/kernels/cpu/scratch.h"
#include "dlengine/kernels/functors.h"

namespace dlengine {

namespace {

/// The gradient before what pooling ended in, given its result and the gradient of that: nothing, or relu and
/// perhaps dropout.
struct NoEnding {
  float before(float /*y*/, float dy) const { return dy; }
};
struct ReluEnding {
  ReluMask<float> mask;
  float before(float y, float dy) const { return mask(y, dy); }
};

/// Calls f with one of the two.
template <typename F>
void visit_ending(const Ending& ending, const F& f) {
  ending.activation == Activation::relu ? f(ReluEnding{{float(ending.scale())}}) : f(NoEnding{});
}

/// NaN is larger than all; of equal values the first.
inline float larger(float a, float b) {
  const float most = b > a ? b : a;
  return b != b ? b : most;  // two selections, because || would keep loops from being vectorised
}

/// Launches f(row number) for `rows` rows of `length` elements; in parallel.
template <typename F>
void launch_rows(int64_t rows, int64_t length, F f) {
  launch_for(rows, std::max<int64_t>(1, kGrain / std::max<int64_t>(1, length)),
             [f](int64_t begin, int64_t end) {
               for (int64_t row = begin; row < end; ++row) f(row);
             });
}

// --- Windows of 2x2 pixels that do not overlap. Channels are taken in blocks of 8, for which the compiler
// uses vectors; where the last block is smaller it begins earlier, and so does some channels again. A pixel
// of fewer than 8 channels is one block that spills into the next pixels, which are done later; or, at the
// end of a row, where there is no more room, a loop. ---

constexpr int64_t kLanes = 8;
using AllLanes = std::integral_constant<int64_t, kLanes>;

/// Calls f(first channel, number of channels).
template <typename F>
inline void for_each_block(int64_t channels, bool may_spill, const F& f) {
  if (channels >= kLanes) {
    for (int64_t c = 0; c < channels; c += kLanes) f(std::min(c, channels - kLanes), AllLanes{});
  } else if (may_spill) {
    f(0, AllLanes{});
  } else {
    f(0, channels);
  }
}

template <typename Lanes>
inline void halve_block(const float* a, const float* b, int64_t step, float* __restrict y, Lanes lanes) {
  for (int64_t i = 0; i < lanes; ++i) y[i] = larger(larger(a[i], a[step + i]), larger(b[i], b[step + i]));
}

/// One row of y from two rows of x.
DLENGINE_VECTORIZED void halve_row(const PoolSizes& s, const float* x, float* __restrict y) {
  const float *above = x, *below = x + s.w * s.c;
  for (int64_t j = 0; j < s.q; ++j) {
    const bool may_spill = j * s.c + kLanes <= s.q * s.c;
    for_each_block(s.c, may_spill, [&](int64_t c, auto lanes) {
      const int64_t pixel = 2 * j * s.c + c;
      halve_block(above + pixel, below + pixel, s.c, y + j * s.c + c, lanes);
    });
  }
}

/// The gradients of the pixels of a window, two each in rows that begin at a and b, `step` apart. Each pixel
/// takes the gradient's bits if it is the largest and leaves none to the later ones; masks instead of
/// branches, which would be predicted wrong half of the time.
template <typename End, typename Lanes>
inline void halve_block_grad(End end, const MaxPoolGrad& at, int64_t step, int64_t row, Lanes lanes) {
  const float *a = at.x, *b = at.x + row, *y = at.y, *dy = at.dy;
  uint32_t taken[4][kLanes];
  for (int64_t i = 0; i < lanes; ++i) {
    const float largest = larger(larger(a[i], a[step + i]), larger(b[i], b[step + i]));
    uint32_t left = std::bit_cast<uint32_t>(end.before(y[i], dy[i]));
    const auto take = [&left, largest](float x) {
      const uint32_t won = uint32_t(int(x == largest) | int(x != x));  // a NaN is the largest
      const uint32_t bits = left & (0 - won);
      left ^= bits;
      return bits;
    };
    taken[0][i] = take(a[i]);
    taken[1][i] = take(a[step + i]);
    taken[2][i] = take(b[i]);
    taken[3][i] = left;
  }
  // One pixel after the other: a block may spill into the next.
  std::memcpy(at.dx, taken[0], size_t(lanes) * sizeof(float));
  std::memcpy(at.dx + step, taken[1], size_t(lanes) * sizeof(float));
  std::memcpy(at.dx + row, taken[2], size_t(lanes) * sizeof(float));
  std::memcpy(at.dx + row + step, taken[3], size_t(lanes) * sizeof(float));
}

/// Two rows of dx from one row of dy.
template <typename End>
DLENGINE_VECTORIZED void halve_row_grad(End end, const PoolSizes& s, const MaxPoolGrad& at) {
  const int64_t row = s.w * s.c;
  for (int64_t j = 0; j < s.q; ++j) {
    const bool may_spill = j * s.c + kLanes <= s.q * s.c;
    for_each_block(s.c, may_spill, [&](int64_t c, auto lanes) {
      const int64_t pixel = 2 * j * s.c + c, result = j * s.c + c;
      halve_block_grad(end, {at.x + pixel, at.y + result, at.dy + result, at.dx + pixel}, s.c, row, lanes);
    });
  }
  for (int64_t i = 2 * s.q * s.c; i < row; ++i) at.dx[i] = at.dx[row + i] = 0;
}

/// The rows of dx under row i of dy, and a last one that no window covers.
template <typename End>
void halve_rows_grad(End end, const PoolSizes& s, int64_t i, const MaxPoolGrad& image) {
  const int64_t row = s.w * s.c, pixel = 2 * i * row, result = i * s.q * s.c;
  halve_row_grad(end, s, {image.x + pixel, image.y + result, image.dy + result, image.dx + pixel});
  if (i + 1 == s.p && s.h % 2) std::fill_n(image.dx + (s.h - 1) * row, row, 0.0f);
}

// --- Any windows ---

/// Row i of y.
DLENGINE_VECTORIZED void max_row(const PoolSizes& s, int64_t i, const float* x, float* __restrict y) {
  const int64_t channels = s.c;
  for (int64_t j = 0; j < s.q; ++j, y += channels) {
    const Window window(s, i, j);
    std::fill_n(y, channels, -std::numeric_limits<float>::infinity());
    for (int64_t h = window.top; h < window.bottom; ++h) {
      for (int64_t w = window.left; w < window.right; ++w) {
        const float* pixel = x + (h * s.w + w) * channels;
        for (int64_t c = 0; c < channels; ++c) y[c] = larger(y[c], pixel[c]);
      }
    }
  }
}

DLENGINE_VECTORIZED void average_row(const PoolSizes& s, int64_t i, const float* x, float* __restrict y) {
  const int64_t channels = s.c;
  for (int64_t j = 0; j < s.q; ++j, y += channels) {
    const Window window(s, i, j);
    std::fill_n(y, channels, 0.0f);
    for (int64_t h = window.top; h < window.bottom; ++h) {
      for (int64_t w = window.left; w < window.right; ++w) {
        const float* pixel = x + (h * s.w + w) * channels;
        for (int64_t c = 0; c < channels; ++c) y[c] += pixel[c];
      }
    }
    const float divisor = float(window.divisor(s));
    for (int64_t c = 0; c < channels; ++c) y[c] /= divisor;
  }
}

/// Row i of the winners: the number of the first pixel that equals y, or is NaN, in each window.
DLENGINE_VECTORIZED void find_winners(const PoolSizes& s, int64_t i, const MaxPoolGrad& image,
                                      int32_t* __restrict winners) {
  const int64_t channels = s.c;
  for (int64_t j = 0; j < s.q; ++j, winners += channels) {
    const Window window(s, i, j);
    const float* y = image.y + (i * s.q + j) * channels;
    for (int64_t h = window.bottom - 1; h >= window.top; --h) {
      for (int64_t w = window.right - 1; w >= window.left; --w) {  // backwards, so the first is what stays
        const int32_t number = int32_t(h * s.w + w);
        const float* pixel = image.x + number * channels;
        for (int64_t c = 0; c < channels; ++c) {
          winners[c] = (pixel[c] == y[c]) | (pixel[c] != pixel[c]) ? number : winners[c];
        }
      }
    }
  }
}

/// Results begin .. end - 1 along one axis whose windows cover a pixel.
struct Covering {
  int64_t begin, end;

  Covering(int64_t pixel, int64_t results, int64_t kernel, int64_t stride, int64_t padding) {
    const int64_t last = pixel + padding;
    begin = last < kernel ? 0 : (last - kernel) / stride + 1;
    end = std::min(last / stride + 1, results);
  }
};

/// Calls f(i, j, its dx) for the windows over each pixel of row h of dx; before, that pixel's dx is 0.
template <typename F>
inline void for_each_window_over(const PoolSizes& s, int64_t h, float* dx, const F& f) {
  const Pool2dParams& k = s.params;
  const Covering rows(h, s.p, k.kernel.h, k.stride.h, k.padding.h);
  for (int64_t w = 0; w < s.w; ++w, dx += s.c) {
    const Covering columns(w, s.q, k.kernel.w, k.stride.w, k.padding.w);
    std::fill_n(dx, s.c, 0.0f);
    for (int64_t i = rows.begin; i < rows.end; ++i) {
      for (int64_t j = columns.begin; j < columns.end; ++j) f(i, j, w, dx);
    }
  }
}

/// Row h of dx.
template <typename End>
DLENGINE_VECTORIZED void max_row_grad(End end, const PoolSizes& s, int64_t h, const int32_t* winners,
                                      const MaxPoolGrad& image) {
  float* const row = image.dx + h * s.w * s.c;
  for_each_window_over(s, h, row, [&](int64_t i, int64_t j, int64_t w, float* __restrict sums) {
    const int32_t number = int32_t(h * s.w + w);
    const int64_t result = (i * s.q + j) * s.c, channels = s.c;
    const float *y = image.y + result, *dy = image.dy + result;
    for (int64_t c = 0; c < channels; ++c) {
      const float gradient = end.before(y[c], dy[c]);
      sums[c] += winners[result + c] == number ? gradient : 0.0f;
    }
  });
}

DLENGINE_VECTORIZED void average_row_grad(const PoolSizes& s, int64_t h, const float* dy, float* dx) {
  for_each_window_over(s, h, dx, [&](int64_t i, int64_t j, int64_t, float* __restrict sums) {
    const float divisor = float(Window(s, i, j).divisor(s));
    const int64_t result = (i * s.q + j) * s.c, channels = s.c;
    for (int64_t c = 0; c < channels; ++c) sums[c] += dy[result + c] / divisor;
  });
}

}  // namespace

void launch_max_pool_channels_last(const PoolSizes& s, const float* x, float* y) {
  const int64_t image = s.pixels() * s.c, row = s.q * s.c;
  launch_rows(s.n * s.p, row, [=](int64_t number) {
    const float* pixels = x + number / s.p * image;
    const int64_t i = number % s.p;
    s.halves() ? halve_row(s, pixels + 2 * i * s.w * s.c, y + number * row)
               : max_row(s, i, pixels, y + number * row);
  });
}

void launch_avg_pool_channels_last(const PoolSizes& s, const float* x, float* y) {
  const int64_t image = s.pixels() * s.c, row = s.q * s.c;
  launch_rows(s.n * s.p, row, [=](int64_t number) {
    average_row(s, number % s.p, x + number / s.p * image, y + number * row);
  });
}

void launch_max_pool_grad_channels_last(const PoolSizes& s, const MaxPoolGrad& data) {
  const int64_t image = s.pixels() * s.c, result = s.results() * s.c, row = s.q * s.c;
  const auto at = [=](int64_t n) {
    return MaxPoolGrad{data.x + n * image, data.y + n * result, data.dy + n * result, data.dx + n * image};
  };
  visit_ending(s.params.ending, [&](auto end) {
    if (s.halves()) {
      return launch_rows(s.n * s.p, row,
                         [=](int64_t number) { halve_rows_grad(end, s, number % s.p, at(number / s.p)); });
    }
    const bool dropped = s.params.ending.dropout > 0;
    const Scratch memory(size_t(s.n * result) * sizeof(int32_t)),
        maxima(dropped ? size_t(s.n * result) * sizeof(float) : 0);
    if (dropped) launch_max_pool_channels_last(s, data.x, maxima.as<float>());
    const float* const largest = dropped ? maxima.as<float>() : data.y;
    int32_t* const winners = memory.as<int32_t>();
    launch_rows(s.n * s.p, row, [=](int64_t number) {
      const int64_t n = number / s.p;
      find_winners(s, number % s.p, {at(n).x, largest + n * result, nullptr, nullptr},
                   winners + number * row);
    });
    launch_rows(s.n * s.h, s.w * s.c, [=](int64_t number) {
      const int64_t n = number / s.h;
      max_row_grad(end, s, number % s.h, winners + n * result, at(n));
    });
  });
}

void launch_avg_pool_grad_channels_last(const PoolSizes& s, const float* dy, float* dx) {
  const int64_t row = s.w * s.c;
  launch_rows(s.n * s.h, row, [=](int64_t number) {
    average_row_grad(s, number % s.h, dy + number / s.h * s.results() * s.c, dx + number * row);
  });
}

}  // namespace dlengine

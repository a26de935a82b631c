// Internal: images into planes and back, by vectors of the instruction set S.
#pragma once

#include "dlengine/kernels/cpu/direct_conv_kernels.h"

namespace dlengine::direct {

/// Where the elements of C planes of a vector's lanes each are in as many pixels of C channels, and back.
template <int C, int Lanes>
struct Transposition {
  int32_t pixels_of_planes[C * Lanes];
  int32_t planes_of_pixels[C * Lanes];
  constexpr Transposition() : pixels_of_planes{}, planes_of_pixels{} {
    for (int i = 0; i < Lanes; ++i) {
      for (int c = 0; c < C; ++c) {
        pixels_of_planes[c * Lanes + i] = i * C + c;
        planes_of_pixels[i * C + c] = c * Lanes + i;
      }
    }
  }
};

/// Calls f<N>() for the N of 1 .. Most that is equal to n, if there is one.
template <int Most, typename F>
bool with_constant(int64_t n, const F& f) {
  if constexpr (Most < 1) {
    return false;
  } else {
    if (n != Most) return with_constant<Most - 1>(n, f);
    f.template operator()<Most>();
    return true;
  }
}

template <class S>
struct PlaneCopy {
  using Vec = typename S::Vec;
  static constexpr int kLanes = S::kLanes;
  static constexpr int kMostChannels = 8;  // that are transposed in vectors

  static void zero(float* begin, float* end) {
    for (; begin < end; ++begin) *begin = 0;
  }

  /// Adjacent pixels of C channels to planes; writes up to a vector too much.
  template <int C>
  static void split_pixels(const Image& from, int64_t count, float* to, int64_t channel_step) {
    static constexpr Transposition<C, kLanes> kOrder;
    for (int64_t i = 0; i < count; i += kLanes) {
      Vec pixels[C];
      for (int c = 0; c < C; ++c) {
        const int64_t at = i * C + c * kLanes;
        pixels[c] = S::load_first(from.data + at, count * C - at);
        if (from.gate) pixels[c] = S::gated(pixels[c], S::load_first(from.gate + at, count * C - at));
      }
      for (int c = 0; c < C; ++c) {
        S::store(to + c * channel_step + i, S::pick(pixels, kOrder.pixels_of_planes + c * kLanes));
      }
    }
  }

  /// Planes to adjacent pixels of C channels.
  template <int C>
  static void join_pixels(const float* from, int64_t channel_step, int64_t count, float* to) {
    static constexpr Transposition<C, kLanes> kOrder;
    for (int64_t i = 0; i < count; i += kLanes) {
      Vec planes[C];
      for (int c = 0; c < C; ++c) planes[c] = S::load(from + c * channel_step + i);
      for (int c = 0; c < C; ++c) {
        const int64_t at = i * C + c * kLanes;
        S::store_first(to + at, S::pick(planes, kOrder.planes_of_pixels + c * kLanes), count * C - at);
      }
    }
  }

  /// Every step-th element.
  static void copy(const Image& from, int64_t step, int64_t count, float* to) {
    if (from.gate) {
      for (int64_t i = 0; i < count; ++i) to[i] = from.gate[i * step] > 0 ? from.data[i * step] : 0;
    } else {
      for (int64_t i = 0; i < count; ++i) to[i] = from.data[i * step];
    }
  }

  /// One row of the column phase b, of all channels. row: null outside of the image.
  static void fill_row(const Planes& p, const Image& row, int64_t b, float* to) {
    const int64_t shift = p.left - b;  // plane column j is image column j * step - shift
    const int64_t first = shift > 0 ? (shift + p.step_w - 1) / p.step_w : 0;
    const int64_t behind = p.w + shift > 0 ? (p.w + shift + p.step_w - 1) / p.step_w : 0;
    const int64_t end = !row.data ? 0 : behind < p.pitch ? behind : p.pitch;
    if (first < end) {
      const int64_t at = (first * p.step_w - shift) * p.channels;
      const Image pixels{row.data + at, row.gate ? row.gate + at : nullptr};
      const auto split = [&]<int C>() { split_pixels<C>(pixels, end - first, to + first, p.channel_step); };
      if (p.step_w > 1 || !with_constant<kMostChannels>(p.channels, split)) {
        for (int64_t c = 0; c < p.channels; ++c) {
          const Image channel{pixels.data + c, pixels.gate ? pixels.gate + c : nullptr};
          copy(channel, p.step_w * p.channels, end - first, to + c * p.channel_step + first);
        }
      }
    }
    for (int64_t c = 0; c < p.channels; ++c, to += p.channel_step) {
      zero(to, to + (first < p.pitch ? first : p.pitch));
      zero(to + (first < end ? end : 0), to + p.pitch);
    }
  }

  /// Rows of an image, the band's first one being `first`, to planes. Writes up to a vector too much.
  static void fill(const Planes& p, const Image& image, int64_t first, float* to) {
    for (int64_t a = 0; a < p.phases_h; ++a) {
      for (int64_t j = 0; j < p.rows; ++j) {
        const int64_t row = (first + j) * p.step_h + a - p.top, at = row * p.w * p.channels;
        const bool inside = row >= 0 && row < p.h;
        const Image pixels{inside ? image.data + at : nullptr,
                           inside && image.gate ? image.gate + at : nullptr};
        for (int64_t b = 0; b < p.phases_w; ++b) {
          fill_row(p, pixels, b, to + a * p.row_step + b * p.col_step + j * p.pitch);
        }
      }
    }
  }
};

}  // namespace dlengine::direct

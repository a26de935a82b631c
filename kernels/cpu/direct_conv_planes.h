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
    for (; begin < end; begin += kLanes) S::store_first(begin, S::broadcast(0), end - begin);
  }

  static Image from(const Image& image, int64_t at) {
    return {image.data + at, image.gate ? image.gate + at : nullptr};
  }

  /// The first n elements, the others are 0.
  static Vec load(const Image& image, int64_t at, int64_t n) {
    const Vec values = S::load_first(image.data + at, n);
    return image.gate ? S::gated(values, S::load_first(image.gate + at, n)) : values;
  }

  /// Adjacent pixels of C channels to planes; writes up to a vector of zeros too much.
  template <int C>
  static void split_pixels(const Image& pixels, int64_t elements, float* to, int64_t channel_step) {
    static constexpr Transposition<C, kLanes> kOrder;
    for (int64_t at = 0; at < elements; at += C * kLanes, to += kLanes) {
      Vec values[C];
#pragma GCC unroll 8
      for (int c = 0; c < C; ++c) values[c] = load(pixels, at + c * kLanes, elements - at - c * kLanes);
#pragma GCC unroll 8
      for (int c = 0; c < C; ++c) {
        S::store(to + c * channel_step, S::pick(values, kOrder.pixels_of_planes + c * kLanes));
      }
    }
  }

  template <int D = 1>
  static void transpose(Vec (&rows)[kLanes]) {
#pragma GCC unroll 16
    for (int i = 0; i < kLanes; ++i) {
      if ((i & D) == 0) S::template exchange<D>(rows[i], rows[i + D]);
    }
    if constexpr (2 * D < kLanes) transpose<2 * D>(rows);
  }

  /// `count` pixels, one in every step_w, to planes; writes up to a vector of zeros too much.
  static void transpose_pixels(const Planes& p, const Image& pixels, int64_t count, float* to) {
    for (int64_t i = 0; i < count; i += kLanes) {
      for (int64_t c = 0; c < p.channels; c += kLanes) {
        Vec values[kLanes];
#pragma GCC unroll 16
        for (int j = 0; j < kLanes; ++j) {
          values[j] = load(pixels, (i + j) * p.step_w * p.channels + c, i + j < count ? p.channels - c : 0);
        }
        transpose(values);
#pragma GCC unroll 16
        for (int j = 0; j < kLanes; ++j) {
          if (c + j < p.channels) S::store(to + (c + j) * p.channel_step + i, values[j]);
        }
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

  /// A row to the same row of all planes. row.data: null outside of the image.
  static void fill_row(const Planes& p, const Image& row, float* to) {
    const int64_t blank = p.left / p.step_w, begin = blank < p.pitch ? blank : p.pitch;
    const auto end_of_phase = [&](int64_t b) {
      const int64_t end = begin + (p.w - b + p.step_w - 1) / p.step_w;
      return !row.data ? begin : end < p.pitch ? end : p.pitch;
    };
    // Adjacent pixels, one of each phase, are split like one pixel with the channels of all.
    const int64_t width = p.step_w * p.channels, fitting = (p.pitch - begin) * width;
    const auto split = [&]<int C>() {
      split_pixels<C>(row, p.w * p.channels < fitting ? p.w * p.channels : fitting, to + begin,
                      p.channel_step);
    };
    const bool together = row.data && p.phases_w == p.step_w && with_constant<kMostChannels>(width, split);
    for (int64_t b = 0; b < p.phases_w; ++b) {
      const int64_t end = end_of_phase(b);
      if (!together && begin < end) transpose_pixels(p, from(row, b * p.channels), end - begin, to + begin);
      for (int64_t c = 0; c < p.channels; ++c, to += p.channel_step) {
        zero(to, to + begin);
        zero(to + end, to + p.pitch);
      }
    }
  }

  /// Rows of an image, the band's first one being `first`, to planes. Writes up to a vector of zeros too
  /// much.
  static void fill(const Planes& p, const Image& image, int64_t first, float* to) {
    for (int64_t a = 0; a < p.phases_h; ++a) {
      for (int64_t j = 0; j < p.rows; ++j) {
        const int64_t row = (first + j) * p.step_h + a - p.top, at = row * p.w * p.channels;
        const bool inside = row >= 0 && row < p.h;
        fill_row(p, inside ? from(image, at) : Image{nullptr, nullptr}, to + a * p.row_step + j * p.pitch);
      }
    }
  }
};

}  // namespace dlengine::direct

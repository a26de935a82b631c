// Internal: the loops of the direct convolution in vectors of the instruction set S. To be included by the
// one source that is compiled for it.
//
// Each loop keeps a tile of sums in registers and runs through the taps (for outputs) or the pixels (for
// filter gradients). Lanes are output channels where these fill a vector, else neighbouring pixels of the
// planes; pixels between the rows are then computed too, and dropped.
#pragma once

#include <utility>

#include "dlengine/kernels/cpu/direct_conv_planes.h"

namespace dlengine::direct {

template <class S>
struct Loops {
  using Vec = typename S::Vec;
  using Copy = PlaneCopy<S>;
  static constexpr int kLanes = S::kLanes;
  static constexpr int kSums = S::kRegisters * 3 / 4;  // vectors of a tile of pixel lanes
  static constexpr int kMostFew = kSums / 2 < 8 ? kSums / 2 : 8;

  // --- Outputs, lanes are channels ---

  struct ChannelTile {
    const Part& part;
    const Convolution& conv;
    int64_t vector;   // the first one of channels
    const float* in;  // planes at the first pixel
    float* out;       // the first pixel's channel 0
  };

  /// V vectors of channels, P pixels.
  template <int V, int P>
  static void channel_tile(const ChannelTile& t) {
    const int64_t vector_step = t.part.taps * kLanes;
    Vec sums[P][V];
#pragma GCC unroll 32
    for (int v = 0; v < V; ++v) {
      const Vec bias = S::load(t.conv.bias + (t.vector + v) * kLanes);
#pragma GCC unroll 32
      for (int j = 0; j < P; ++j) sums[j][v] = bias;
    }
    const float* weights = t.part.weights + t.vector * vector_step;
    for (int64_t tap = 0; tap < t.part.taps; ++tap, weights += kLanes) {
      const float* in = t.in + t.part.offsets[tap];
      Vec w[V];
#pragma GCC unroll 32
      for (int v = 0; v < V; ++v) w[v] = S::load(weights + v * vector_step);
#pragma GCC unroll 32
      for (int j = 0; j < P; ++j) {
        const Vec pixel = S::broadcast(in[j]);
#pragma GCC unroll 32
        for (int v = 0; v < V; ++v) sums[j][v] = S::fma(pixel, w[v], sums[j][v]);
      }
    }
    const int64_t pixel_step = t.conv.step_w * t.conv.channels;
#pragma GCC unroll 32
    for (int v = 0; v < V; ++v) {
      const int64_t channel = (t.vector + v) * kLanes, left = t.conv.channels - channel;
      float* out = t.out + channel;
#pragma GCC unroll 32
      for (int j = 0; j < P; ++j, out += pixel_step) {
        const Vec y = t.conv.relu ? S::relu(sums[j][v]) : sums[j][v];
        S::store_first(out, y, left);
      }
    }
  }

  using ChannelTileLoop = void (*)(const ChannelTile&);

  template <int V>
  static constexpr int kTilePixels = (S::kRegisters - V - 1) / V;

  template <int V, int... I>
  static ChannelTileLoop channel_loop(int64_t pixels, std::integer_sequence<int, I...>) {
    static constexpr ChannelTileLoop kLoops[] = {&channel_tile<V, I + 1>...};
    return kLoops[pixels - 1];
  }

  /// The tile's vectors of channels for all pixels of a band that begins with the part's row `first`.
  template <int V>
  static void channel_rows(ChannelTile tile, int64_t first) {
    const Convolution& conv = tile.conv;
    const Part part = tile.part;
    const float* planes = tile.in;
    float* y = tile.out;
    constexpr int kMost = kTilePixels<V>;
    const int64_t tiles = (part.cols + kMost - 1) / kMost;
    const int64_t rows = conv.band < part.rows - first ? conv.band : part.rows - first;
    for (int64_t i = 0; i < rows; ++i) {
      const int64_t row = ((first + i) * conv.step_h + part.row) * conv.w + part.col;
      for (int64_t t = 0; t < tiles; ++t) {
        const int64_t begin = part.cols * t / tiles, end = part.cols * (t + 1) / tiles;
        tile.in = planes + i * conv.in.pitch + begin;
        tile.out = y + (row + begin * conv.step_w) * conv.channels;
        channel_loop<V>(end - begin, std::make_integer_sequence<int, kMost>())(tile);
      }
    }
  }

  // --- Outputs, lanes are pixels ---

  template <int C>
  static constexpr int kFewPixels = kSums / C < 8 ? kSums / C : 8;  // vectors of pixels in a tile

  /// C channels of as many pixels as the tile has, in planes.
  template <int C>
  static void pixel_tile(const Convolution& conv, const Part& part, const float* planes, float* sums_out) {
    constexpr int P = kFewPixels<C>;
    Vec sums[C][P];
#pragma GCC unroll 32
    for (int c = 0; c < C; ++c) {
#pragma GCC unroll 32
      for (int j = 0; j < P; ++j) sums[c][j] = S::broadcast(conv.bias[c]);
    }
    const float* weights = part.weights;
    for (int64_t tap = 0; tap < part.taps; ++tap, weights += C) {
      const float* in = planes + part.offsets[tap];
      Vec x[P];
#pragma GCC unroll 32
      for (int j = 0; j < P; ++j) x[j] = S::load(in + j * kLanes);
#pragma GCC unroll 32
      for (int c = 0; c < C; ++c) {
        const Vec w = S::broadcast(weights[c]);
#pragma GCC unroll 32
        for (int j = 0; j < P; ++j) sums[c][j] = S::fma(x[j], w, sums[c][j]);
      }
    }
#pragma GCC unroll 32
    for (int c = 0; c < C; ++c) {
#pragma GCC unroll 32
      for (int j = 0; j < P; ++j) {
        S::store(sums_out + c * conv.sum_step + j * kLanes, conv.relu ? S::relu(sums[c][j]) : sums[c][j]);
      }
    }
  }

  template <int C>
  static void pixel_rows(const Convolution& conv, const Part& part, int64_t first, float* planes, float* y) {
    const int64_t rows = conv.band < part.rows - first ? conv.band : part.rows - first;
    const int64_t pitch = conv.in.pitch, pixels = (rows - 1) * pitch + part.cols;
    float* sums = planes + conv.sums_at;
    for (int64_t i = 0; i < pixels; i += kFewPixels<C> * kLanes) {
      pixel_tile<C>(conv, part, planes + i, sums + i);
    }
    for (int64_t i = 0; i < rows; ++i) {
      float* row = y + (((first + i) * conv.step_h + part.row) * conv.w + part.col) * C;
      const float* from = sums + i * pitch;
      if (conv.step_w == 1) {
        Copy::template join_pixels<C>(from, conv.sum_step, part.cols, row);
      } else {
        for (int64_t j = 0; j < part.cols; ++j) {
          for (int64_t c = 0; c < C; ++c) row[j * conv.step_w * C + c] = from[c * conv.sum_step + j];
        }
      }
    }
  }

  static void convolve(const Convolution& conv, const Image& x, int64_t first, float* planes, float* y) {
    Copy::fill(conv.in, x, first, planes);
    for (int64_t i = 0; i < conv.part_count; ++i) {
      const Part& part = conv.parts[i];
      if (part.rows <= first) continue;
      if (conv.few) {
        with_constant<kMostFew>(conv.channels, [&]<int C>() { pixel_rows<C>(conv, part, first, planes, y); });
        continue;
      }
      const int64_t vectors = (conv.channels + kLanes - 1) / kLanes;
      for (int64_t v = 0; v + 1 < vectors; v += 2) channel_rows<2>({part, conv, v, planes, y}, first);
      if (vectors % 2 == 1) channel_rows<1>({part, conv, vectors - 1, planes, y}, first);
    }
  }

  // --- The gradient of the input from the products of all taps ---

  /// Adds to a row of sums, [w, lanes] of which the first channels are meaningful, the taps of one row of the
  /// filters. z is a copy, which no vector that is stored can change.
  static void add_products(const Collection z, const float* products, float* sums) {
    const int64_t next_tap = z.channels - z.pixel_step;  // the next one belongs to the pixel before
    for (int64_t w = 0; w < z.w; ++w, products += z.pixel_step, sums += kLanes) {
      Vec sum = S::load(sums);
      const float* product = products;
      for (int64_t s = 0; s < z.s; ++s, product += next_tap) sum = S::add(sum, S::load(product));
      S::store(sums, sum);
    }
  }

  static void collect(const Convolution& conv, const Collection& z, const Image& dy, float* scratch,
                      float* dx) {
    float* sums = scratch + z.sums_at;
    Copy::zero(sums, sums + z.h * z.w * kLanes);
    // Pixels of zeros on both sides of a row.
    const int64_t border = (z.s - 1) * z.pixel_step, row = z.q * z.pixel_step;
    float* products = scratch + z.products_at + border;
    Copy::zero(products - border, products);
    Copy::zero(products + row, products + row + border);
    for (int64_t p = 0; p < z.p; ++p) {
      convolve(conv, Copy::from(dy, p * z.q * conv.in.channels), 0, scratch, products);
      for (int64_t r = 0; r < z.r; ++r) {
        const int64_t h = p + r - z.pad_h;
        if (h < 0 || h >= z.h) continue;
        add_products(z, products + z.pad_w * z.pixel_step + r * z.s * z.channels, sums + h * z.w * kLanes);
      }
    }
    for (int64_t i = 0; i < z.h * z.w; ++i) {
      S::store_first(dx + i * z.channels, S::load(sums + i * kLanes), z.channels);
    }
  }

  // --- Filter gradients, lanes are channels ---

  /// Pixels of dy with zeros behind their channels, so that these fill vectors.
  static void pad_channels(const Image& dy, int64_t pixels, int64_t channels, float* to) {
    for (int64_t i = 0; i < pixels; ++i) {
      for (int64_t c = 0; c < channels; c += kLanes, to += kLanes) {
        S::store(to, Copy::load(dy, i * channels + c, channels - c));
      }
    }
  }

  struct TapTile {
    const FilterGradient& grad;
    int64_t tap, vector;  // the first ones
    int64_t rows;
    const float* planes;
    Image dy;          // from the first row on
    int64_t channels;  // of dy
    float* sums;
  };

  /// V vectors of channels, T taps. Plain: all of dy counts, and channels fill vectors.
  template <int V, int T, bool Plain>
  static void tap_tile(const TapTile& t) {
    const int64_t vector_step = t.grad.taps * kLanes, q = t.grad.q, channels = t.channels;
    const int64_t left = channels - t.vector * kLanes;
    float* out = t.sums + t.vector * vector_step + t.tap * kLanes;
    Vec sums[T][V];
#pragma GCC unroll 32
    for (int v = 0; v < V; ++v) {
#pragma GCC unroll 32
      for (int i = 0; i < T; ++i) sums[i][v] = S::load(out + v * vector_step + i * kLanes);
    }
    Image dy = Copy::from(t.dy, t.vector * kLanes);
    for (int64_t row = 0; row < t.rows; ++row) {
      const float* x[T];
#pragma GCC unroll 32
      for (int i = 0; i < T; ++i) x[i] = t.planes + t.grad.offsets[t.tap + i] + row * t.grad.x.pitch;
      for (int64_t j = 0; j < q; ++j, dy = Copy::from(dy, channels)) {
        Vec d[V];
#pragma GCC unroll 32
        for (int v = 0; v < V; ++v) {
          d[v] = Plain ? S::load(dy.data + v * kLanes) : Copy::load(dy, v * kLanes, left - v * kLanes);
        }
#pragma GCC unroll 32
        for (int i = 0; i < T; ++i) {
          const Vec pixel = S::broadcast(x[i][j]);
#pragma GCC unroll 32
          for (int v = 0; v < V; ++v) sums[i][v] = S::fma(pixel, d[v], sums[i][v]);
        }
      }
    }
#pragma GCC unroll 32
    for (int v = 0; v < V; ++v) {
#pragma GCC unroll 32
      for (int i = 0; i < T; ++i) S::store(out + v * vector_step + i * kLanes, sums[i][v]);
    }
  }

  using TapTileLoop = void (*)(const TapTile&);

  template <int V, bool Plain, int... I>
  static TapTileLoop tap_loop(int64_t taps, std::integer_sequence<int, I...>) {
    static constexpr TapTileLoop kLoops[] = {&tap_tile<V, I + 1, Plain>...};
    return kLoops[taps - 1];
  }

  /// V vectors of channels, all taps.
  template <int V>
  static void channel_sums(TapTile tile, bool plain) {
    constexpr std::make_integer_sequence<int, kTilePixels<V>> kSizes;
    const int64_t taps = tile.grad.taps, tiles = (taps + kSizes.size() - 1) / kSizes.size();
    for (int64_t i = 0; i < tiles; ++i) {
      tile.tap = taps * i / tiles;
      const int64_t count = taps * (i + 1) / tiles - tile.tap;
      (plain ? tap_loop<V, true>(count, kSizes) : tap_loop<V, false>(count, kSizes))(tile);
    }
  }

  // --- Filter gradients, lanes are pixels ---

  template <int C>
  static constexpr int kFewTaps = kSums / C < 8 ? kSums / C : 8;  // in a tile

  /// C channels, as many taps as the tile has.
  template <int C>
  static void pixel_sums(const FilterGradient& grad, int64_t tap, int64_t pixels, const float* planes,
                         float* out) {
    constexpr int T = kFewTaps<C>;
    const float* dy = planes + grad.dy_at;
    const float* x[T];
    Vec sums[T][C];
#pragma GCC unroll 32
    for (int i = 0; i < T; ++i) {
      x[i] = planes + grad.offsets[tap + i];
#pragma GCC unroll 32
      for (int c = 0; c < C; ++c) sums[i][c] = S::load(out + (i * C + c) * kLanes);
    }
    for (int64_t j = 0; j < pixels; j += kLanes) {
      Vec d[C];
#pragma GCC unroll 32
      for (int c = 0; c < C; ++c) d[c] = S::load(dy + c * grad.dy.channel_step + j);
#pragma GCC unroll 32
      for (int i = 0; i < T; ++i) {
        const Vec value = S::load(x[i] + j);
#pragma GCC unroll 32
        for (int c = 0; c < C; ++c) sums[i][c] = S::fma(value, d[c], sums[i][c]);
      }
    }
#pragma GCC unroll 32
    for (int i = 0; i < T; ++i) {
#pragma GCC unroll 32
      for (int c = 0; c < C; ++c) S::store(out + (i * C + c) * kLanes, sums[i][c]);
    }
  }

  template <int C>
  static void few_sums(const FilterGradient& grad, int64_t rows, float* planes, float* sums) {
    for (int64_t tap = 0; tap < grad.taps; tap += kFewTaps<C>) {
      pixel_sums<C>(grad, tap, rows * grad.dy.pitch, planes, sums + tap * C * kLanes);
    }
  }

  static void accumulate(const FilterGradient& grad, const GradientBand& band, float* scratch, float* sums) {
    const auto& [x, dy, first] = band;
    const int64_t rows = grad.band < grad.p - first ? grad.band : grad.p - first;
    Copy::fill(grad.x, x, first, scratch);
    if (grad.few) {
      Copy::fill(grad.dy, dy, first, scratch + grad.dy_at);
      with_constant<kMostFew>(grad.k, [&]<int C>() { few_sums<C>(grad, rows, scratch, sums); });
      return;
    }
    const int64_t vectors = (grad.k + kLanes - 1) / kLanes;
    TapTile tile{grad, 0, 0, rows, scratch, Copy::from(dy, first * grad.q * grad.k), grad.k, sums};
    if (grad.taps > 4 * kTilePixels<2>) {  // many loops read dy: it is prepared for them
      pad_channels(tile.dy, rows * grad.q, grad.k, scratch + grad.dy_at);
      tile.dy = {scratch + grad.dy_at, nullptr};
      tile.channels = vectors * kLanes;
    }
    const bool plain = !tile.dy.gate && tile.channels % kLanes == 0;
    for (; tile.vector + 1 < vectors; tile.vector += 2) channel_sums<2>(tile, plain);
    if (tile.vector < vectors) channel_sums<1>(tile, plain);
  }

  // --- All ---

  template <int... C>
  static constexpr Kernels make(std::integer_sequence<int, C...>) {
    return {.lanes = kLanes,
            .most_few = kMostFew,
            .overrun = 8 * kLanes,
            .few_taps = {1, kFewTaps<C + 1>...},
            .convolve = &convolve,
            .collect = &collect,
            .accumulate = &accumulate};
  }

  static constexpr Kernels kernels = make(std::make_integer_sequence<int, kMostFew>());
};

}  // namespace dlengine::direct

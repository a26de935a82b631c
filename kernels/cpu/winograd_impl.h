// Internal: the Winograd kernels for vectors of kLanes floats, with kRows x 2 vectors of sums in registers.
//
// Compiled once per instruction set. Everything here depends on the template's arguments, so that the linker
// cannot take a function of one instruction set for another's; for the same reason the standard library stays
// out.
#pragma once

#include "dlengine/kernels/cpu/winograd_kernels.h"
#include "dlengine/kernels/cpu/winograd_transforms.h"

namespace dlengine::winograd {

template <int kLanes, int kRows>
struct Implementation : Transforms<kLanes> {
  using T = Transforms<kLanes>;
  using T::load, T::store;
  using typename T::Vec;

  static constexpr int64_t kPanel = 2 * kLanes;
  static constexpr int64_t kDepth = 64;  // channels in one sum: longer ones lose accuracy

  static int64_t min(int64_t a, int64_t b) { return a < b ? a : b; }
  static int64_t panels(const Problem& z) { return (z.out_channels + kPanel - 1) / kPanel; }
  static int64_t width(const Problem& z, int64_t panel) {
    return min(kPanel, z.out_channels - panel * kPanel);
  }

  // --- Filters ---

  /// Where the first point between input channel `in` and output channel `out` lies.
  static int64_t filter_offset(const Problem& z, int64_t in, int64_t out) {
    const int64_t panel = out / kPanel;
    return panel * kPanel * z.in_channels + in * width(z, panel) + out % kPanel;
  }

  static void transform_filters(const Problem& z, const Filters& f, float* transformed, Range in_channels) {
    alignas(64) float lanes[9][kLanes];
    for (int64_t out = 0; out < z.out_channels; out += kLanes) {
      for (int64_t in = in_channels.begin; in < in_channels.end; ++in) {
        const float* taps = f.taps + in * f.in_stride + out * f.out_stride;
        for (int lane = 0; lane < kLanes; ++lane, taps += f.out_stride) {
          for (int tap = 0; tap < 9; ++tap) lanes[f.rotated ? 8 - tap : tap][lane] = taps[tap];
        }
        float* to = transformed + filter_offset(z, in, out);
        T::template square<3, 6, T::filter_points>(
            [&](int i, int j) { return load(lanes[3 * i + j]); },
            [&](int i, const Vec* row) { T::template store_points<6>(to, z.filter_stride, i, row); });
      }
    }
  }

  static void transform_sums(const Problem& z, const FilterSums& f, float* dfilters, Range in_channels) {
    alignas(64) float lanes[9][kLanes];
    for (int64_t out = 0; out < z.out_channels; out += kLanes) {
      for (int64_t in = in_channels.begin; in < in_channels.end; ++in) {
        const float* from = f.sums + filter_offset(z, in, out);
        const auto sum = [&](int i, int j) {
          const float* point = from + (6 * i + j) * z.filter_stride;
          Vec v = load(point);
          for (int64_t part = 1; part < f.parts; ++part) v += load(point + part * f.part_stride);
          return v;
        };
        T::template square<6, 3, T::filter_gradients>(
            sum, [&](int i, const Vec* row) { T::template store_points<3>(lanes[0], kLanes, i, row); });
        float* taps = dfilters + (out * z.in_channels + in) * 9;
        for (int lane = 0; lane < kLanes; ++lane, taps += z.in_channels * 9) {
          for (int tap = 0; tap < 9; ++tap) taps[tap] = lanes[tap][lane];
        }
      }
    }
  }

  // --- Images ---

  /// A tile's place among the tiles of its image.
  struct Place {
    int64_t image, row, column;

    Place(const Problem& z, int64_t tile)
        : image(tile / (z.tile_rows * z.tile_columns)),
          row(tile / z.tile_columns % z.tile_rows),
          column(tile % z.tile_columns) {}
  };

  struct Pixels {
    const float* first;
    int64_t height, width, channels;
  };

  /// Where side x side pixels lie, of which the first is at (top, left); those outside of the image are
  /// zeros.
  template <int side>
  struct Patch {
    const float* at[side * side];

    Patch(const Pixels& image, const float* zeros, int64_t top, int64_t left) {
      for (int64_t i = 0; i < side; ++i) {
        const bool row_inside = top + i >= 0 && top + i < image.height;
        const float* row = image.first + (top + i) * image.width * image.channels;
        for (int64_t j = 0; j < side; ++j) {
          const bool inside = row_inside && left + j >= 0 && left + j < image.width;
          at[i * side + j] = inside ? row + (left + j) * image.channels : zeros;
        }
      }
    }
  };

  /// Pixels of a tile, and those of the gate, which has the same shape.
  template <bool gated, int side>
  struct Source {
    Patch<side> pixels, gate;

    Vec at(int i, int j, int64_t channel) const {
      const Vec v = load(pixels.at[i * side + j] + channel);
      if constexpr (!gated) return v;
      return load(gate.at[i * side + j] + channel) > 0 ? v : Vec{};
    }
    void fetch(int i, int j, int64_t channel) const {
      __builtin_prefetch(pixels.at[i * side + j] + channel);
      if constexpr (gated) __builtin_prefetch(gate.at[i * side + j] + channel);
    }
  };

  template <bool gated>
  static Source<gated, 6> input_source(const Problem& z, const Image& image, int64_t tile) {
    const Place place(z, tile);
    const int64_t first = place.image * z.in_h * z.in_w * z.in_channels;
    const int64_t top = place.row * kTile - z.pad_h, left = place.column * kTile - z.pad_w;
    const auto patch = [&](const float* pixels) {
      return Patch<6>({pixels + first, z.in_h, z.in_w, z.in_channels}, z.zeros, top, left);
    };
    return {patch(image.pixels), patch(gated ? image.gate : image.pixels)};
  }

  template <bool gated>
  static Source<gated, 4> gradient_source(const Problem& z, const Image& image, int64_t tile) {
    const Place place(z, tile);
    const int64_t first = place.image * z.out_h * z.out_w * z.out_channels;
    const auto patch = [&](const float* pixels) {
      return Patch<4>({pixels + first, z.out_h, z.out_w, z.out_channels}, z.zeros, place.row * kTile,
                      place.column * kTile);
    };
    return {patch(image.pixels), patch(gated ? image.gate : image.pixels)};
  }

  static void transform_inputs(const Problem& z, const Block& block, const Image& image, Range tiles) {
    image.gate ? transform_inputs<true>(z, block, image, tiles)
               : transform_inputs<false>(z, block, image, tiles);
  }

  template <bool gated>
  static void transform_inputs(const Problem& z, const Block& block, const Image& image, Range tiles) {
    const int64_t next = kTile * z.in_channels;  // from a tile to its right neighbour
    for (int64_t tile = tiles.begin; tile < tiles.end; ++tile) {
      const auto source = input_source<gated>(z, image, block.first + tile);
      for (int64_t in = 0; in < z.in_channels; in += kLanes) {
        const auto pixel = [&](int i, int j) {
          source.fetch(i, j, in + next);
          return source.at(i, j, in);
        };
        float* to = block.inputs + (in / kChunk * block.tiles + tile) * kChunk + in % kChunk;
        T::template square<6, 6, T::input_points>(pixel, [&](int i, const Vec* row) {
          T::template store_points<6>(to, block.input_stride, i, row);
        });
      }
    }
  }

  static void transform_outputs(const Problem& z, const Block& block, const Result& result, Range tiles) {
    for (int64_t tile = tiles.begin; tile < tiles.end; ++tile) {
      const Place place(z, block.first + tile);
      const int64_t top = place.row * kTile, left = place.column * kTile;
      float* y = result.pixels + ((place.image * z.out_h + top) * z.out_w + left) * z.out_channels;
      const int64_t rows = min(kTile, z.out_h - top), columns = min(kTile, z.out_w - left);
      for (int64_t out = 0; out < z.out_channels; out += kLanes) {
        const float* from = block.outputs + output_offset(z, block, tile, out);
        const Vec bias = result.bias ? load(result.bias + out) : Vec{};
        const auto write = [&](int i, const Vec* row) {
          float* to = y + i * z.out_w * z.out_channels + out;
#pragma GCC unroll 4
          for (int j = 0; j < 4; ++j) {
            if (j >= columns) return;
            const Vec v = row[j] + bias;
            store(to + j * z.out_channels, result.relu ? (v < 0 ? Vec{} : v) : v);
          }
        };
        T::template square<6, 4, T::outputs>(
            [&](int i, int j) { return load(from + (6 * i + j) * block.output_stride); }, write, rows);
      }
    }
  }

  static int64_t output_offset(const Problem& z, const Block& block, int64_t tile, int64_t out) {
    const int64_t panel = out / kPanel;
    return panel * kPanel * block.tiles + tile * width(z, panel) + out % kPanel;
  }

  static void transform_gradients(const Problem& z, const Block& block, const Image& image, float* dbias,
                                  Range panels) {
    image.gate ? transform_gradients<true>(z, block, image, dbias, panels)
               : transform_gradients<false>(z, block, image, dbias, panels);
  }

  template <bool gated>
  static void transform_gradients(const Problem& z, const Block& block, const Image& image, float* dbias,
                                  Range panels) {
    const int64_t next = kTile * z.out_channels;  // from a tile to its right neighbour
    for (int64_t tile = 0; tile < block.tiles; ++tile) {
      const auto source = gradient_source<gated>(z, image, block.first + tile);
      for (int64_t out = panels.begin * kPanel; out < min(panels.end * kPanel, z.out_channels);
           out += kLanes) {
        Vec sum = {};
        const auto pixel = [&](int i, int j) {
          source.fetch(i, j, out + next);
          const Vec v = source.at(i, j, out);
          sum += v;
          return v;
        };
        float* to = block.outputs + output_offset(z, block, tile, out);
        T::template square<4, 6, T::gradient_points>(pixel, [&](int i, const Vec* row) {
          T::template store_points<6>(to, block.output_stride, i, row);
        });
        store(dbias + out, load(dbias + out) + sum);
      }
    }
  }

  // --- Matrix products ---

  /// c = a x b, or c += a x b if add. The sum has `steps` x `inner` terms; for each, a has one element in
  /// each row and b one row of vectors.
  struct Factors {
    const float* a;
    int64_t a_step;
    const float* b;
    int64_t steps;
    float* c;
    bool add;
  };
  typedef void (*Product)(const Factors&);

  /// The rows of a are row_step apart.
  template <int rows, int columns, int row_step, int inner>
  static void product(const Factors& f) {
    Vec sums[rows][columns] = {};
    const float *a = f.a, *b = f.b;
    for (int64_t step = 0; step < f.steps; ++step, a += f.a_step) {
#pragma GCC unroll 4
      for (int i = 0; i < inner; ++i, b += columns * kLanes) {
        Vec right[columns];
#pragma GCC unroll 2
        for (int j = 0; j < columns; ++j) right[j] = load(b + j * kLanes);
#pragma GCC unroll 16
        for (int row = 0; row < rows; ++row) {
#pragma GCC unroll 2
          for (int j = 0; j < columns; ++j) sums[row][j] += a[row * row_step + i] * right[j];
        }
      }
    }
#pragma GCC unroll 16
    for (int row = 0; row < rows; ++row) {
#pragma GCC unroll 2
      for (int j = 0; j < columns; ++j) {
        float* to = f.c + (row * columns + j) * kLanes;
        store(to, f.add ? load(to) + sums[row][j] : sums[row][j]);
      }
    }
  }

  /// Products of 1 to kRows tiles.
  template <int columns, int rows = kRows>
  static Product tile_product(int64_t count) {
    if constexpr (rows > 1) {
      if (count < rows) return tile_product<columns, rows - 1>(count);
    }
    return product<rows, columns, kChunk, kChunk>;
  }

  static void multiply(const Problem& z, const Block& block, const float* filters, Range products) {
    const int64_t groups = (block.tiles + kRows - 1) / kRows;
    for (int64_t i = products.begin; i < products.end; ++i) {
      const int64_t point = i / panels(z), panel = i % panels(z), columns = width(z, panel);
      const float* a = block.inputs + point * block.input_stride;
      const float* b = filters + point * z.filter_stride + panel * kPanel * z.in_channels;
      float* c = block.outputs + point * block.output_stride + panel * kPanel * block.tiles;
      for (int64_t in = 0; in < z.in_channels; in += kDepth) {
        const int64_t steps = min(kDepth, z.in_channels - in) / kChunk;
        for (int64_t group = 0; group < groups; ++group) {
          const int64_t tile = block.tiles * group / groups, rows = block.tiles * (group + 1) / groups - tile;
          const Product f = columns == kPanel ? tile_product<2>(rows) : tile_product<1>(rows);
          f({a + in * block.tiles + tile * kChunk, block.tiles * kChunk, b + in * columns, steps,
             c + tile * columns, in > 0});
        }
      }
    }
  }

  static void accumulate(const Problem& z, const Block& block, float* sums, Range products) {
    constexpr int64_t rows = kLanes / 2;
    for (int64_t i = products.begin; i < products.end; ++i) {
      const int64_t point = i / panels(z), panel = i % panels(z), columns = width(z, panel);
      const float* a = block.inputs + point * block.input_stride;
      const float* b = block.outputs + point * block.output_stride + panel * kPanel * block.tiles;
      float* c = sums + point * z.filter_stride + panel * kPanel * z.in_channels;
      const Product f = columns == kPanel ? product<rows, 2, 1, 1> : product<rows, 1, 1, 1>;
      for (int64_t in = 0; in < z.in_channels; in += rows) {
        f({a + in / kChunk * kChunk * block.tiles + in % kChunk, kChunk, b, block.tiles, c + in * columns,
           !block.begins_part});
      }
    }
  }

  static Kernels kernels() {
    return {.panel = kPanel,
            .transform_filters = transform_filters,
            .transform_inputs = transform_inputs,
            .multiply = multiply,
            .transform_outputs = transform_outputs,
            .transform_gradients = transform_gradients,
            .accumulate = accumulate,
            .transform_sums = transform_sums};
  }
};

}  // namespace dlengine::winograd

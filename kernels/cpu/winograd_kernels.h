// Internal: what the instruction sets implement of the Winograd convolutions.
//
// A pass takes its tiles in blocks. The buffers of a block of T tiles, for each of the 36 points:
//   inputs   [C/16][T][16]     transformed tiles of the images that come in
//   outputs  [K/panel][T][panel]  products yet to be transformed back, or transformed gradients
// and of all filters, for each point [K/panel][C][panel]. A panel is two vectors wide; the last one may be
// one.
#pragma once

#include <cstdint>

namespace dlengine::winograd {

constexpr int64_t kPoints = 36;
constexpr int64_t kTile = 4;    // outputs along each side
constexpr int64_t kPatch = 6;   // inputs along each side
constexpr int64_t kChunk = 16;  // channels that lie together in transformed inputs

struct Range {
  int64_t begin, end;
};

/// Images in [images, in_h, in_w, in_channels], out [images, out_h, out_w, out_channels].
struct Problem {
  int64_t images, in_h, in_w, in_channels, out_h, out_w, out_channels, pad_h, pad_w;
  int64_t tile_rows, tile_columns;
  int64_t filter_stride;  // floats between the points of transformed filters
  const float* zeros;     // a pixel of the padding
};

struct Block {
  int64_t part;  // of the pass
  bool begins_part;
  int64_t first, tiles;  // of all images' tiles in order
  float* inputs;
  int64_t input_stride;  // floats between points; an odd number of cache lines, as the points of a tile would
  float* outputs;        // otherwise compete for one place in the cache
  int64_t output_stride;
};

/// Pixels count only where those of `gate` are above 0, unless it is null.
struct Image {
  const float* pixels;
  const float* gate;
};

struct Result {
  const float* bias;  // or null
  bool relu;
  float* pixels;
};

/// The 9 taps between input channel i and output channel o lie at taps + i * in_stride + o * out_stride.
struct Filters {
  const float* taps;
  int64_t in_stride, out_stride;
  bool rotated;  // by 180 degrees
};

/// Sums of products, laid out like transformed filters, of several parts to be added in order.
struct FilterSums {
  const float* sums;
  int64_t parts, part_stride;
};

struct Kernels {
  int64_t panel;
  void (*transform_filters)(const Problem&, const Filters&, float* transformed, Range in_channels);
  void (*transform_inputs)(const Problem&, const Block&, const Image&, Range tiles);
  /// outputs = inputs x filters; the products of a block are numbered point * panels + panel.
  void (*multiply)(const Problem&, const Block&, const float* filters, Range products);
  void (*transform_outputs)(const Problem&, const Block&, const Result&, Range tiles);

  /// Gradients of the outputs into block.outputs; adds their pixels to dbias.
  void (*transform_gradients)(const Problem&, const Block&, const Image&, float* dbias, Range panels);
  /// sums += inputs^T x outputs, or = in the block that begins a part.
  void (*accumulate)(const Problem&, const Block&, float* sums, Range products);
  /// dfilters: [out_channels, in_channels, 3, 3]
  void (*transform_sums)(const Problem&, const FilterSums&, float* dfilters, Range in_channels);
};

Kernels avx2_kernels();
Kernels avx512_kernels();

}  // namespace dlengine::winograd

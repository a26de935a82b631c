// Internal: what the loops of the direct convolution, which are compiled once per instruction set, are told.
// Plain data only: an inline function that a source for AVX-512 shares with others could be linked into them.
#pragma once

#include <cstdint>

namespace dlengine::direct {

/// One image, [h, w, channels].
struct Image {
  const float* data;
  const float* gate;  // or null; else elements count only where this is above 0
};

/// Some rows of an image with its channels in planes of their own and zeros around, so that no loop meets a
/// border. Rows and columns are split by their remainder modulo the step: what neighbouring outputs multiply
/// with one filter element is then contiguous. Row j of phase (a, b) in the planes for the rows from `first`
/// on is row (first + j) * step_h + a - top of the image; columns alike. A column phase's channels are
/// adjacent planes, and so are the phases.
struct Planes {
  int64_t channels, h, w;  // of the image
  int64_t step_h, step_w, phases_h, phases_w;
  int64_t top, left;                         // multiples of the steps
  int64_t rows, pitch;                       // of one plane
  int64_t channel_step, row_step, col_step;  // floats from a plane to that of the next channel or phase
  int64_t floats;                            // of all planes
};

/// Outputs that have the same taps: one in every step_h rows and step_w columns, from (row, col) on.
struct Part {
  const int64_t* offsets;  // of the taps, in the planes
  int64_t taps;
  const float* weights;  // [vector of channels][tap][lane]; where outputs are few: [tap][channel]
  int64_t row, col;
  int64_t rows, cols;
};

/// y = the sum over the taps of filter element * plane, for each part of the outputs.
struct Convolution {
  Planes in;
  int64_t sums_at;  // few: floats from the planes' begin to where sums go
  const Part* parts;
  int64_t part_count;
  int64_t band;  // rows of each part that are computed from one filling of the planes
  int64_t channels, w, step_h, step_w;
  const float* bias;  // zeros fill the last vector of channels
  bool relu;
  bool few;          // the lanes are pixels, else channels
  int64_t sum_step;  // few: floats from one channel's sums to the next
};

/// dx [h, w, channels] = the sum of what the pixels of dy [p, q] give it by each of their taps. These
/// products, [p, q, (r, s, channels)], are a convolution of size 1 by bands of one row. Stride and dilation
/// are 1.
struct Collection {
  int64_t channels, h, w, p, q, r, s, pad_h, pad_w;
  int64_t pixel_step;            // floats from one pixel's products to the next
  int64_t products_at, sums_at;  // in the scratch: a row's products, and sums [h, w, lanes]
};

/// df[k][tap] = the sum over the pixels of dy[pixel][k] * plane[tap][pixel].
struct FilterGradient {
  Planes x;
  const int64_t* offsets;
  int64_t taps;
  Planes dy;      // few
  int64_t dy_at;  // floats from the scratch's begin to where dy goes
  int64_t band;   // rows of dy at a time
  int64_t k, p, q;
  bool few;  // the lanes are pixels, else channels
};

struct GradientBand {
  Image x, dy;
  int64_t first;  // row of dy
};

/// The loops for one instruction set. Scratch is zero before its first use, and a call may go past the planes
/// by `overrun` floats.
struct Kernels {
  int64_t lanes;
  int64_t most_few;  // so many channels and fewer are computed with pixels as lanes
  int64_t overrun;
  int64_t
      few_taps[9];  // by the number of channels if these are few: taps of a filter gradient come in so many
  /// Computes the outputs of a band that begins with row `first` of each part.
  void (*convolve)(const Convolution&, const Image& x, int64_t first, float* scratch, float* y);
  /// Computes dx of one image.
  void (*collect)(const Convolution& products, const Collection&, const Image& dy, float* scratch, float* dx);
  /// Adds a band's share to sums: [vector of channels][tap][lane], or where they are few
  /// [tap][channel][lane].
  void (*accumulate)(const FilterGradient&, const GradientBand&, float* scratch, float* sums);
};

const Kernels& avx2_kernels();
const Kernels& avx512_kernels();

}  // namespace dlengine::direct

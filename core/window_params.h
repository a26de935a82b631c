// What the 1-D, 3-D, transposed and resizing operations are told besides their tensors.
#pragma once

#include <cstdint>

#include "dlengine/core/op_params.h"

namespace dlengine {

/// {depth, height, width}; one number stands for all.
struct Size3 {
  int64_t d = 0;
  int64_t h = 0;
  int64_t w = 0;
  constexpr Size3() = default;
  constexpr Size3(int64_t all) : d(all), h(all), w(all) {}  // NOLINT: implicit on purpose, as Size2
  constexpr Size3(int64_t depth, int64_t height, int64_t width) : d(depth), h(height), w(width) {}
  constexpr Size2 plane() const { return {h, w}; }
  friend constexpr bool operator==(const Size3&, const Size3&) = default;
};

struct Conv1dParams {
  int64_t stride = 1;
  int64_t padding = 0;   // zeros added on each side
  int64_t dilation = 1;  // distance between two taps
  int64_t groups = 1;    // divides the input and the output channels
  Activation activation = Activation::none;
};

struct Conv3dParams {
  Size3 stride = 1;
  Size3 padding = 0;
  Size3 dilation = 1;
  int64_t groups = 1;
  Activation activation = Activation::none;
};

/// Of the convolution that a transposed one reverses.
struct ConvTranspose1dParams {
  int64_t stride = 1;
  int64_t padding = 0;
  int64_t output_padding = 0;
  int64_t dilation = 1;
  int64_t groups = 1;
};

/// Of the convolution that a transposed one reverses.
struct ConvTranspose2dParams {
  Size2 stride = 1;
  Size2 padding = 0;         // pixels cut off on each side of the result
  Size2 output_padding = 0;  // rows and columns more at its end; below the stride
  Size2 dilation = 1;
  int64_t groups = 1;
};

struct Pool1dParams {
  int64_t kernel = 2;
  int64_t stride = 0;             // 0: as the kernel
  int64_t padding = 0;            // at most half of the kernel
  bool count_include_pad = true;  // average pooling: whether padding counts in the divisor
};

struct Pool3dParams {
  Size3 kernel = 2;
  Size3 stride = 0;
  Size3 padding = 0;
  bool count_include_pad = true;
};

enum class InterpolateMode : uint8_t { nearest, bilinear };

/// Either a size or a factor.
struct InterpolateParams {
  Size2 size = 0;           // of the result; or
  double scale_factor = 0;  // how much larger it is, rounded down to whole pixels
  InterpolateMode mode = InterpolateMode::nearest;
  bool align_corners = false;  // bilinear: corner pixels keep their places; else the image's edges do
};

}  // namespace dlengine

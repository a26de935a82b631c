// 2-D convolution layers.
#pragma once

#include <cstdint>
#include <string_view>

#include "dlengine/core/op_params.h"
#include "dlengine/layers/convolution.h"

namespace dlengine {

struct Conv2dOptions {
  int64_t in_channels = 0;   // C; 0: found at the first input
  int64_t out_channels = 0;  // K, required
  Size2 kernel = 0;          // {R, S}, required; 1: a pointwise convolution, which mixes channels alone
  Size2 stride = 1;
  Size2 padding = 0;   // zero pixels added on each side
  Size2 dilation = 1;  // distance between two taps
  int64_t groups = 1;  // divides C and K; C: a depthwise convolution, with filters for each channel alone
  bool bias = true;
  Init init = Init::torch;
};

/// Cross-correlation with own filters: Conv2d({.in_channels = 1, .out_channels = 32, .kernel = 3}).
/// x [N, C, H, W] -> [N, K, P, Q], sizes as in core/ops/conv.h.
/// Parameters: weight [K, C/groups, R, S], bias [K]. Throws ValueError for options that make no sense.
class Conv2d final : public Convolution {
 public:
  explicit Conv2d(const Conv2dOptions& options);
  std::string_view type_name() const override { return "Conv2d"; }

 private:
  Tensor convolve(const Tensor& x, const Affine& weights, Activation activation) const override;

  Conv2dOptions options_;
};

/// The padding that keeps the size of an image at stride 1. Throws ValueError where dilation * (kernel - 1)
/// is odd, as both sides get the same padding.
Size2 same_padding(Size2 kernel, Size2 dilation = 1);

struct ConvTranspose2dOptions {
  int64_t in_channels = 0;   // C; 0: found at the first input
  int64_t out_channels = 0;  // K, required
  Size2 kernel = 0;          // {R, S}, required
  Size2 stride = 1;          // how many times larger the result is, about
  Size2 padding = 0;         // pixels cut off on each side of the result
  Size2 output_padding = 0;  // rows and columns more at its end; below the stride
  Size2 dilation = 1;
  int64_t groups = 1;
  bool bias = true;
  Init init = Init::torch;
};

/// Up-sampling with own filters: ConvTranspose2d({.out_channels = 16, .kernel = 2, .stride = 2}) doubles
/// height and width. x [N, C, H, W] -> [N, K, P, Q], sizes as in core/ops/conv.h.
/// Parameters: weight [C, K/groups, R, S], bias [K]. Throws ValueError for options that make no sense.
class ConvTranspose2d final : public Convolution {
 public:
  explicit ConvTranspose2d(const ConvTranspose2dOptions& options);
  std::string_view type_name() const override { return "ConvTranspose2d"; }

 private:
  Tensor convolve(const Tensor& x, const Affine& weights, Activation activation) const override;

  ConvTranspose2dOptions options_;
};

}  // namespace dlengine

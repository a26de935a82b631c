// Convolution layers over series.
#pragma once

#include <cstdint>
#include <string_view>

#include "dlengine/layers/convolution.h"

namespace dlengine {

struct Conv1dOptions {
  int64_t in_channels = 0;   // C; 0: found at the first input
  int64_t out_channels = 0;  // K, required
  int64_t kernel = 0;        // R, required
  int64_t stride = 1;
  int64_t padding = 0;   // zeros added on each side
  int64_t dilation = 1;  // distance between two taps
  int64_t groups = 1;    // divides C and K
  bool bias = true;
  Init init = Init::torch;
};

/// Conv2d for series: x [N, C, L] -> [N, K, Q]. Parameters: weight [K, C/groups, R], bias [K].
class Conv1d final : public Convolution {
 public:
  explicit Conv1d(const Conv1dOptions& options);
  std::string_view type_name() const override { return "Conv1d"; }

 private:
  Tensor convolve(const Tensor& x, const Affine& weights, Activation activation) const override;

  Conv1dOptions options_;
};

struct ConvTranspose1dOptions {
  int64_t in_channels = 0;   // C; 0: found at the first input
  int64_t out_channels = 0;  // K, required
  int64_t kernel = 0;        // R, required
  int64_t stride = 1;
  int64_t padding = 0;
  int64_t output_padding = 0;
  int64_t dilation = 1;
  int64_t groups = 1;
  bool bias = true;
  Init init = Init::torch;
};

/// ConvTranspose2d for series: x [N, C, L] -> [N, K, Q]. Parameters: weight [C, K/groups, R], bias [K].
class ConvTranspose1d final : public Convolution {
 public:
  explicit ConvTranspose1d(const ConvTranspose1dOptions& options);
  std::string_view type_name() const override { return "ConvTranspose1d"; }

 private:
  Tensor convolve(const Tensor& x, const Affine& weights, Activation activation) const override;

  ConvTranspose1dOptions options_;
};

}  // namespace dlengine

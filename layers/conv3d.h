// Convolution layer over volumes, as video.
#pragma once

#include <cstdint>
#include <string_view>

#include "dlengine/core/window_params.h"
#include "dlengine/layers/convolution.h"

namespace dlengine {

struct Conv3dOptions {
  int64_t in_channels = 0;   // C; 0: found at the first input
  int64_t out_channels = 0;  // K, required
  Size3 kernel = 0;          // {T, R, S}, required
  Size3 stride = 1;
  Size3 padding = 0;
  Size3 dilation = 1;
  int64_t groups = 1;
  bool bias = true;
  Init init = Init::torch;
};

/// Conv2d for volumes: x [N, C, D, H, W] -> [N, K, O, P, Q].
/// Parameters: weight [K, C/groups, T, R, S], bias [K].
class Conv3d final : public Convolution {
 public:
  explicit Conv3d(const Conv3dOptions& options);
  std::string_view type_name() const override { return "Conv3d"; }

 private:
  Tensor convolve(const Tensor& x, const Affine& weights, Activation activation) const override;

  Conv3dOptions options_;
};

}  // namespace dlengine

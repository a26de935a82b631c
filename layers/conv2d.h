// 2-D convolution layer.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "dlengine/core/op_params.h"
#include "dlengine/layers/init.h"
#include "dlengine/layers/module.h"

namespace dlengine {

struct Conv2dOptions {
  int64_t in_channels = 0;   // C; 0: found at the first input
  int64_t out_channels = 0;  // K, required
  Size2 kernel = 0;          // {R, S}, required
  Size2 stride = 1;
  Size2 padding = 0;   // zero pixels added on each side
  Size2 dilation = 1;  // distance between two taps
  int64_t groups = 1;  // divides C and K
  bool bias = true;
  Init init = Init::torch;
};

/// Cross-correlation with own filters: Conv2d({.in_channels = 1, .out_channels = 32, .kernel = 3}).
/// x [N, C, H, W] -> [N, K, P, Q], sizes as in core/ops/conv.h.
/// Parameters: weight [K, C/groups, R, S], bias [K]. Throws ValueError for options that make no sense.
class Conv2d final : public Module {
 public:
  explicit Conv2d(const Conv2dOptions& options);
  std::string_view type_name() const override { return "Conv2d"; }
  bool replayable() const override { return true; }
  std::string description() const override;
  Tensor forward(const Tensor& x) override { return forward_with({}, x); }
  bool takes(const Ending& ending) const override { return ending.dropout == 0; }
  Tensor forward_with(const Ending& ending, const Tensor& x) override;
  Affine affine() const override { return {weight_, bias_}; }
  Tensor forward_affine(const Affine& weights, const Ending& ending, const Tensor& x) override;
  void visit(ModuleVisitor& visitor) override;
  void build() override;
  int64_t flops(const Shape& input, const Shape& output) const override;
  Window window() const override;

 private:
  void make(int64_t in_channels, DType dtype, Device device);

  Conv2dOptions options_;
  Tensor weight_, bias_;  // bias_ is undefined where options_.bias is false
};

/// The padding that keeps the size of an image at stride 1. Throws ValueError where dilation * (kernel - 1)
/// is odd, as both sides get the same padding.
Size2 same_padding(Size2 kernel, Size2 dilation = 1);

}  // namespace dlengine

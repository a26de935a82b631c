// What the convolution layers share: options, weights, words.
#pragma once

#include <cstdint>
#include <string>

#include "dlengine/core/shape_rules.h"
#include "dlengine/layers/init.h"
#include "dlengine/layers/module.h"

namespace dlengine {

/// The options of a convolution layer, with an entry for each axis of space where there are several.
struct ConvolutionOptions {
  int64_t in_channels = 0;  // C; 0: found at the first input
  int64_t out_channels = 0;
  Dims kernel, stride, padding, dilation;
  Dims output_padding = {};  // transposed ones alone; empty: the layer is not transposed
  int64_t groups = 1;
  bool bias = true;
  Init init = {};
};

/// Base of the layers with filters. Parameters: weight [K, C/groups, ...taps], or [C, K/groups, ...taps] of a
/// transposed one; bias [K].
class Convolution : public Module {
 public:
  std::string description() const override;
  bool replayable() const override { return true; }
  Tensor forward(const Tensor& x) override { return forward_with({}, x); }
  bool takes(const Ending& ending) const override { return !transposed() && ending.dropout == 0; }
  Tensor forward_with(const Ending& ending, const Tensor& x) override;
  Affine affine() const override { return transposed() ? Affine() : Affine{weight_, bias_}; }
  Tensor forward_affine(const Affine& weights, const Ending& ending, const Tensor& x) override;
  void visit(ModuleVisitor& visitor) override;
  void build() override;
  int64_t flops(const Shape& input, const Shape& output) const override;
  Window window(const Shape& input, const Shape& output) const override;

 protected:
  /// Throws ValueError, naming the layer, for options that make no sense.
  Convolution(const char* name, const ConvolutionOptions& options);

 private:
  /// The operation itself.
  virtual Tensor convolve(const Tensor& x, const Affine& weights, Activation activation) const = 0;

  bool transposed() const { return !options_.output_padding.empty(); }
  void make(int64_t in_channels, DType dtype, Device device);

  ConvolutionOptions options_;
  Tensor weight_, bias_;  // bias_ is undefined where options_.bias is false
};

/// The options of any of the layers as the base has them.
template <typename Options>
ConvolutionOptions convolution_options(const Options& options) {
  ConvolutionOptions same{.in_channels = options.in_channels,
                          .out_channels = options.out_channels,
                          .kernel = dims_of(options.kernel),
                          .stride = dims_of(options.stride),
                          .padding = dims_of(options.padding),
                          .dilation = dims_of(options.dilation),
                          .groups = options.groups,
                          .bias = options.bias,
                          .init = options.init};
  if constexpr (requires { options.output_padding; }) same.output_padding = dims_of(options.output_padding);
  return same;
}

}  // namespace dlengine

// Convolution layers over series.
#include "dlengine/layers/conv1d.h"

#include "dlengine/core/ops/conv.h"

namespace dlengine {

Conv1d::Conv1d(const Conv1dOptions& options)
    : Convolution("Conv1d", convolution_options(options)), options_(options) {}

Tensor Conv1d::convolve(const Tensor& x, const Affine& weights, Activation activation) const {
  return conv1d(x, weights.weight, weights.bias,
                {.stride = options_.stride,
                 .padding = options_.padding,
                 .dilation = options_.dilation,
                 .groups = options_.groups,
                 .activation = activation});
}

ConvTranspose1d::ConvTranspose1d(const ConvTranspose1dOptions& options)
    : Convolution("ConvTranspose1d", convolution_options(options)), options_(options) {}

Tensor ConvTranspose1d::convolve(const Tensor& x, const Affine& weights, Activation /*none*/) const {
  return conv_transpose1d(x, weights.weight, weights.bias,
                          {.stride = options_.stride,
                           .padding = options_.padding,
                           .output_padding = options_.output_padding,
                           .dilation = options_.dilation,
                           .groups = options_.groups});
}

}  // namespace dlengine

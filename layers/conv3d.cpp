// Convolution layer over volumes.
#include "dlengine/layers/conv3d.h"

#include "dlengine/core/ops/conv.h"

namespace dlengine {

Conv3d::Conv3d(const Conv3dOptions& options)
    : Convolution("Conv3d", convolution_options(options)), options_(options) {}

Tensor Conv3d::convolve(const Tensor& x, const Affine& weights, Activation activation) const {
  return conv3d(x, weights.weight, weights.bias,
                {.stride = options_.stride,
                 .padding = options_.padding,
                 .dilation = options_.dilation,
                 .groups = options_.groups,
                 .activation = activation});
}

}  // namespace dlengine

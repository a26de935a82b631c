// 2-D convolution layers.
#include "dlengine/layers/conv2d.h"

#include "dlengine/core/ops/conv.h"
#include "dlengine/layers/describe.h"

namespace dlengine {

Conv2d::Conv2d(const Conv2dOptions& options)
    : Convolution("Conv2d", convolution_options(options)), options_(options) {}

Tensor Conv2d::convolve(const Tensor& x, const Affine& weights, Activation activation) const {
  return conv2d(x, weights.weight, weights.bias,
                {.stride = options_.stride,
                 .padding = options_.padding,
                 .dilation = options_.dilation,
                 .groups = options_.groups,
                 .activation = activation});
}

Size2 same_padding(Size2 kernel, Size2 dilation) {
  const Size2 total = {dilation.h * (kernel.h - 1), dilation.w * (kernel.w - 1)};
  check<ValueError>(total.h >= 0 && total.w >= 0 && total.h % 2 == 0 && total.w % 2 == 0,
                    "same_padding: kernel {} with dilation {} needs {} pixels, which do not halve",
                    text(kernel), text(dilation), text(total));
  return {total.h / 2, total.w / 2};
}

ConvTranspose2d::ConvTranspose2d(const ConvTranspose2dOptions& options)
    : Convolution("ConvTranspose2d", convolution_options(options)), options_(options) {}

Tensor ConvTranspose2d::convolve(const Tensor& x, const Affine& weights, Activation /*none*/) const {
  return conv_transpose2d(x, weights.weight, weights.bias,
                          {.stride = options_.stride,
                           .padding = options_.padding,
                           .output_padding = options_.output_padding,
                           .dilation = options_.dilation,
                           .groups = options_.groups});
}

}  // namespace dlengine

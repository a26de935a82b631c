// 2-D convolution layer.
#include "dlengine/layers/conv2d.h"

#include "dlengine/core/ops/conv.h"
#include "dlengine/layers/describe.h"

namespace dlengine {

Conv2d::Conv2d(const Conv2dOptions& options) : options_(options) {
  const auto& [c, k, kernel, stride, padding, dilation, groups, bias, init] = options_;
  check<ValueError>(
      k > 0 && c >= 0,
      "Conv2d: need out_channels >= 1 and in_channels >= 0 (0: found at the first input), got {} and {}", k,
      c);
  check<ValueError>(
      kernel.h > 0 && kernel.w > 0 && stride.h > 0 && stride.w > 0 && dilation.h > 0 && dilation.w > 0,
      "Conv2d: need kernel, stride and dilation >= 1, got {}, {} and {}", text(kernel), text(stride),
      text(dilation));
  check<ValueError>(padding.h >= 0 && padding.w >= 0, "Conv2d: need padding >= 0, got {}", text(padding));
  check<ValueError>(groups > 0 && c % groups == 0 && k % groups == 0,
                    "Conv2d: need groups that divide in_channels {} and out_channels {}, got {}", c, k,
                    groups);
}

std::string Conv2d::description() const {
  const auto& [c, k, kernel, stride, padding, dilation, groups, bias, init] = options_;
  return fmt::format("{} -> {}, kernel {}{}{}{}{}{}", c > 0 ? std::to_string(c) : "?", k, text(kernel),
                     unless_usual("stride", stride, 1), unless_usual("padding", padding, 0),
                     unless_usual("dilation", dilation, 1),
                     groups > 1 ? fmt::format(", groups {}", groups) : "", bias ? "" : ", no bias");
}

void Conv2d::make(int64_t in_channels, DType dtype, Device device) {
  const auto& [c, k, kernel, stride, padding, dilation, groups, bias, init] = options_;
  check<ShapeError>(in_channels > 0 && in_channels % groups == 0,
                    "conv2d: need channels that groups {} divides, got {}", groups, in_channels);
  const Shape shape = {k, in_channels / groups, kernel.h, kernel.w};
  weight_ = as_parameter(initial_weight(init, shape), dtype, device);
  if (bias) bias_ = as_parameter(initial_bias(init, shape), dtype, device);
  options_.in_channels = in_channels;
}

void Conv2d::build() {
  if (!weight_.defined() && options_.in_channels > 0) make(options_.in_channels, DType::f32, kCpu);
}

Tensor Conv2d::forward_with(const Ending& ending, const Tensor& x) {
  if (!weight_.defined()) {
    check<ShapeError>(x.rank() == 4, "conv2d: need images [N, C, H, W], got {}", x.shape());
    const int64_t given = options_.in_channels;
    make(given > 0 ? given : x.dim(1), x.dtype(), x.device());
  }
  return forward_affine(affine(), ending, x);
}

Tensor Conv2d::forward_affine(const Affine& weights, const Ending& ending, const Tensor& x) {
  return conv2d(x, weights.weight, weights.bias,
                {.stride = options_.stride,
                 .padding = options_.padding,
                 .dilation = options_.dilation,
                 .groups = options_.groups,
                 .activation = ending.activation});
}

void Conv2d::visit(ModuleVisitor& visitor) {
  visitor.parameter("weight", weight_);
  if (options_.bias) visitor.parameter("bias", bias_);
}

int64_t Conv2d::flops(const Shape& /*input*/, const Shape& output) const {
  const int64_t taps = options_.in_channels / options_.groups * options_.kernel.h * options_.kernel.w;
  return 2 * output.product() * taps;
}

Window Conv2d::window() const {
  const auto& [kernel, dilation] = std::pair(options_.kernel, options_.dilation);
  return {.extent = {dilation.h * (kernel.h - 1) + 1, dilation.w * (kernel.w - 1) + 1},
          .stride = options_.stride};
}

Size2 same_padding(Size2 kernel, Size2 dilation) {
  const Size2 total = {dilation.h * (kernel.h - 1), dilation.w * (kernel.w - 1)};
  check<ValueError>(total.h >= 0 && total.w >= 0 && total.h % 2 == 0 && total.w % 2 == 0,
                    "same_padding: kernel {} with dilation {} needs {} pixels, which do not halve",
                    text(kernel), text(dilation), text(total));
  return {total.h / 2, total.w / 2};
}

}  // namespace dlengine

// What the convolution layers share.
#include "dlengine/layers/convolution.h"

#include <algorithm>
#include <tuple>

#include "dlengine/layers/describe.h"

namespace dlengine {
namespace {

bool all_at_least(int64_t least, const Dims& sizes) {
  return std::all_of(sizes.begin(), sizes.end(), [&](int64_t size) { return size >= least; });
}

const char* inputs_of_rank(int rank) {
  return rank == 3 ? "series [N, C, L]" : rank == 4 ? "images [N, C, H, W]" : "volumes [N, C, D, H, W]";
}

}  // namespace

Convolution::Convolution(const char* name, const ConvolutionOptions& options) : options_(options) {
  const auto& [c, k, kernel, stride, padding, dilation, output_padding, groups, bias, init] = options_;
  check<ValueError>(
      k > 0 && c >= 0,
      "{}: need out_channels >= 1 and in_channels >= 0 (0: found at the first input), got {} and {}", name, k,
      c);
  check<ValueError>(all_at_least(1, kernel) && all_at_least(1, stride) && all_at_least(1, dilation),
                    "{}: need kernel, stride and dilation >= 1, got {}, {} and {}", name, by_x(kernel),
                    by_x(stride), by_x(dilation));
  check<ValueError>(all_at_least(0, padding), "{}: need padding >= 0, got {}", name, by_x(padding));
  check<ValueError>(groups > 0 && c % groups == 0 && k % groups == 0,
                    "{}: need groups that divide in_channels {} and out_channels {}, got {}", name, c, k,
                    groups);
  for (int i = 0; i < output_padding.rank(); ++i) {
    check<ValueError>(output_padding[i] >= 0 && output_padding[i] < stride[i],
                      "{}: need output_padding >= 0 and below the stride {}, got {}", name, by_x(stride),
                      by_x(output_padding));
  }
}

std::string Convolution::description() const {
  const auto& [c, k, kernel, stride, padding, dilation, output_padding, groups, bias, init] = options_;
  return fmt::format("{} -> {}, kernel {}{}{}{}{}{}{}", text_or_unknown(c), k, by_x(kernel),
                     unless_usual("stride", stride, 1), unless_usual("padding", padding, 0),
                     unless_usual("output padding", output_padding, 0), unless_usual("dilation", dilation, 1),
                     groups > 1 ? fmt::format(", groups {}", groups) : "", bias ? "" : ", no bias");
}

void Convolution::make(int64_t in_channels, DType dtype, Device device) {
  const int64_t groups = options_.groups, filters = options_.out_channels;
  check<ShapeError>(in_channels > 0 && in_channels % groups == 0,
                    "{}: need channels that groups {} divides, got {}", type_name(), groups, in_channels);
  Shape shape = transposed() ? Shape{in_channels, filters / groups} : Shape{filters, in_channels / groups};
  for (int64_t taps : options_.kernel) shape.push_back(taps);
  weight_ = as_parameter(initial_weight(options_.init, shape), dtype, device);
  if (options_.bias) bias_ = as_parameter(initial_bias(options_.init, shape, filters), dtype, device);
  options_.in_channels = in_channels;
}

void Convolution::build() {
  if (!weight_.defined() && options_.in_channels > 0) make(options_.in_channels, DType::f32, kCpu);
}

Tensor Convolution::forward_with(const Ending& ending, const Tensor& x) {
  if (!weight_.defined()) {
    const int rank = options_.kernel.rank() + 2;
    check<ShapeError>(x.rank() == rank, "{}: need {}, got {}", type_name(), inputs_of_rank(rank), x.shape());
    const int64_t given = options_.in_channels;
    make(given > 0 ? given : x.dim(1), x.dtype(), x.device());
  }
  return convolve(x, {weight_, bias_}, ending.activation);
}

Tensor Convolution::forward_affine(const Affine& weights, const Ending& ending, const Tensor& x) {
  return convolve(x, weights, ending.activation);
}

void Convolution::visit(ModuleVisitor& visitor) {
  visitor.parameter("weight", weight_);
  if (options_.bias) visitor.parameter("bias", bias_);
}

int64_t Convolution::flops(const Shape& input, const Shape& output) const {
  // Each pixel of the side that is not spread meets every tap of every channel of the other side.
  const Shape& pixels = transposed() ? input : output;
  const int64_t channels = transposed() ? options_.out_channels : options_.in_channels;
  return 2 * pixels.product() * (channels / options_.groups) * options_.kernel.product();
}

Window Convolution::window(const Shape&, const Shape&) const {
  const auto& [kernel, stride, dilation] = std::tie(options_.kernel, options_.stride, options_.dilation);
  Dims extent;
  for (int axis = 0; axis < kernel.rank(); ++axis) {
    const int64_t reach = dilation[axis] * (kernel[axis] - 1);
    extent.push_back(1 + (transposed() ? reach / stride[axis] : reach));
  }
  if (transposed()) return {.extent = extent, .stride = Dims::filled(kernel.rank(), 1), .enlarged = stride};
  return {.extent = extent, .stride = stride};
}

}  // namespace dlengine

// Convolution with every awkward combination of its parameters.
#include "dlengine/core/ops/conv.h"
#include "dlengine/core/ops/activation.h"

#include <array>

#include "dlengine/core/factory.h"
#include "dlengine/core/ops/elementwise.h"
#include "tests/emulator/control.h"
#include "tests/support/devices.h"
#include "tests/support/op_case.h"
#include "tests/support/reference.h"

namespace dlengine::test {
namespace {

OpCase conv_case(const std::string& name, const Shape& x, const Shape& w, const Conv2dParams& params,
                 bool bias = true) {
  std::vector<Input> inputs = {{.shape = x}, {.shape = w}};
  if (bias) inputs.push_back({.shape = {w[0]}});
  const auto taps = static_cast<double>(w[1] * w[2] * w[3]);
  const auto pixels = static_cast<double>(x[0] * x[2] * x[3]);  // of the weight gradient's sums
  return {.name = name,
          .inputs = inputs,
          .op =
              [=](const std::vector<Tensor>& in) {
                return conv2d(in[0], in[1], bias ? in[2] : Tensor(), params);
              },
          .reference =
              [=](const std::vector<NdArray>& in) {
                return reference::conv2d(in[0], in[1], bias ? in[2] : NdArray(Shape{0}), params);
              },
          .value = {.terms = taps + 1},
          .gradient = {.terms = std::max(pixels, taps * static_cast<double>(w[0])), .roundings = 1}};
}

const OpCase kConv[] = {
    conv_case("one_by_one", {2, 3, 5, 4}, {4, 3, 1, 1}, {}),
    conv_case("three_by_three", {2, 3, 6, 5}, {4, 3, 3, 3}, {}),
    conv_case("three_by_three_same_size", {2, 3, 6, 5}, {4, 3, 3, 3}, {.padding = 1}),
    conv_case("no_bias", {2, 3, 6, 5}, {4, 3, 3, 3}, {.padding = 1}, false),
    conv_case("five_by_five", {2, 2, 9, 8}, {3, 2, 5, 5}, {.padding = 2}),
    conv_case("stride_two", {2, 3, 8, 7}, {4, 3, 3, 3}, {.stride = 2, .padding = 1}),
    conv_case("stride_two_one_by_one", {2, 3, 7, 8}, {4, 3, 1, 1}, {.stride = 2}),
    conv_case("stride_drops_last_pixels", {1, 2, 8, 9}, {3, 2, 3, 2}, {.stride = {4, 3}}),
    conv_case("dilation", {2, 2, 9, 8}, {3, 2, 3, 3}, {.padding = 2, .dilation = 2}),
    conv_case("stride_and_dilation", {1, 2, 11, 9}, {3, 2, 3, 2},
              {.stride = {2, 3}, .padding = {3, 1}, .dilation = {3, 2}}),
    conv_case("groups", {2, 4, 6, 5}, {6, 2, 3, 3}, {.padding = 1, .groups = 2}),
    conv_case("depthwise", {2, 5, 6, 5}, {5, 1, 3, 3}, {.padding = 1, .groups = 5}),
    conv_case("depthwise_twice_the_channels", {2, 3, 6, 5}, {6, 1, 3, 3},
              {.stride = 2, .padding = 1, .groups = 3}),
    conv_case("depthwise_five_by_five", {2, 3, 9, 8}, {3, 1, 5, 5}, {.padding = 2, .groups = 3}),
    conv_case("depthwise_of_many_pixels", {3, 2, 62, 56}, {2, 1, 3, 3}, {.groups = 2}),
    conv_case("wide_kernel", {2, 3, 4, 9}, {2, 3, 1, 7}, {.padding = {0, 3}}),
    conv_case("tall_kernel", {2, 3, 9, 4}, {2, 3, 7, 1}, {.stride = {2, 1}, .padding = {1, 0}}),
    conv_case("kernel_as_large_as_image", {3, 4, 4, 3}, {5, 4, 4, 3}, {}),
    conv_case("padding_beyond_kernel", {1, 2, 3, 3}, {2, 2, 1, 1}, {.padding = 2}),
    conv_case("one_element", {1, 1, 1, 1}, {1, 1, 1, 1}, {}),
    conv_case("one_pixel_padded", {1, 3, 1, 1}, {2, 3, 3, 3}, {.padding = 1}),
    conv_case("odd_channels", {1, 17, 5, 3}, {19, 17, 3, 3}, {.padding = 1}),
    conv_case("sixteen_channels", {1, 16, 5, 4}, {32, 16, 3, 3}, {.padding = 1}),
    conv_case("mnist_first_layer", {1, 1, 28, 28}, {3, 1, 3, 3}, {}),
    conv_case("five_by_five_of_one_channel", {2, 1, 9, 8}, {5, 1, 5, 5}, {.padding = 2}),
    conv_case("many_channels_stride_and_dilation", {2, 6, 11, 9}, {4, 6, 3, 2},
              {.stride = {2, 3}, .padding = {3, 1}, .dilation = {3, 2}}),
    conv_case("groups_of_many_channels", {2, 12, 6, 5}, {4, 6, 3, 3}, {.padding = 1, .groups = 2}),
    conv_case("many_pixels", {3, 5, 62, 56}, {2, 5, 3, 3}, {}),
    conv_case("many_pixels_of_one_channel", {3, 1, 62, 56}, {3, 1, 3, 3}, {}),
    conv_case("no_samples", {0, 3, 6, 5}, {4, 3, 3, 3}, {.padding = 1}),
    conv_case("no_channels", {2, 0, 6, 5}, {4, 0, 3, 3}, {.padding = 1}),
    conv_case("no_channels_and_no_bias", {2, 0, 3, 2}, {4, 0, 1, 1}, {}, false),
    conv_case("rows_of_padding_alone", {1, 8, 0, 2}, {3, 8, 1, 1}, {.padding = 1}),
};

class Conv : public ::testing::TestWithParam<OpCase> {};
TEST_P(Conv, ValueAndGradientMatchDouble) { check_case(GetParam()); }
INSTANTIATE_TEST_SUITE_P(All, Conv, ::testing::ValuesIn(kConv), case_name);

TEST(Conv, DoesNotFlipTheFilter) {
  for (const Device device : devices()) {
    const Tensor x = arange(0, 9, 1, DType::f32, device).reshape({1, 1, 3, 3});
    const Tensor w = tensor({1, 0, 0, 0}).to(device).reshape({1, 1, 2, 2});
    expect_same(conv2d(x, w), {0, 1, 3, 4});
  }
}

TEST(Conv, ComputesOnlyTheGradientsThatAreAskedFor) {
  for (const Device device : devices()) {
    const Tensor x = ones({1, 1, 3, 3}, DType::f32, device);
    Tensor w = ones({1, 1, 2, 2}, DType::f32, device);
    w.set_requires_grad();
    conv2d(x, w).backward(ones({1, 1, 2, 2}, DType::f32, device));
    expect_same(w.grad(), {4, 4, 4, 4});
    EXPECT_FALSE(x.grad().defined());
  }
}

// Gradients that share work have the same bits alone.
TEST(Conv, GradientsDoNotDependOnWhichAreAskedFor) {
  for (const Device device : devices()) {
    for (const int64_t channels : {1, 6}) {
      Generator random(4);
      const auto normal = [&](const Shape& shape) {
        return randn(shape, 0, 1, DType::f32, kCpu, random).to(device);
      };
      const Tensor inputs[] = {normal({2, channels, 9, 8}), normal({5, channels, 3, 3}), normal({5})};
      const Tensor dy = normal({2, 5, 7, 6});
      const auto gradients = [&](int asked) {
        Tensor in[3];
        for (int i = 0; i < 3; ++i) in[i] = inputs[i].clone().set_requires_grad((asked >> i & 1) != 0);
        conv2d(in[0], in[1], in[2], {.activation = Activation::relu}).backward(dy);
        return std::array{in[0].grad(), in[1].grad(), in[2].grad()};
      };
      const auto all = gradients(7);
      for (int asked = 1; asked < 7; ++asked) {
        const auto some = gradients(asked);
        for (size_t i = 0; i < 3; ++i) {
          ASSERT_EQ(some[i].defined(), (asked >> i & 1) != 0);
          if (!some[i].defined()) continue;
          EXPECT_EQ(some[i].to_vector<float>(), all[i].to_vector<float>()) << i;
        }
      }
    }
  }
}

TEST(Conv, AddsTheBiasInOneCallOrWhereCudnnDeclinesThatItself) {
  for (const Device device : accelerators()) {
    Generator random(3);
    const auto normal = [&](const Shape& shape) {
      return randn(shape, 0, 1, DType::f32, kCpu, random).to(device);
    };
    const Tensor x = normal({2, 3, 7, 9}), w = normal({4, 3, 3, 2}), bias = normal({4});
    emulator::Control* const emulated = emulated_device();
    if (!emulated) GTEST_SKIP() << "only the emulated device can be made to decline";
    const auto kernels_of = [&](const Tensor& image) {
      const uint64_t before = emulated->counters().kernels;
      const Tensor y = conv2d(image, w, bias, {.activation = Activation::relu});
      const uint64_t kernels = emulated->counters().kernels - before;
      EXPECT_EQ(y.to_vector<float>(), relu(conv2d(image, w) + bias.reshape({1, 4, 1, 1})).to_vector<float>());
      return kernels;
    };
    EXPECT_EQ(kernels_of(x), 0u);
    constexpr int kNotSupported = 3000;  // CUDNN_STATUS_NOT_SUPPORTED
    emulated->inject("cudnnConvolutionBiasActivationForward", 1, kNotSupported);
    const Tensor other = normal({3, 3, 7, 9});
    EXPECT_EQ(kernels_of(other), 2u);
    EXPECT_EQ(emulated->failed_call(), "cudnnConvolutionBiasActivationForward");
    EXPECT_EQ(kernels_of(other), 2u);  // it is not asked again
    emulated->inject("*", 0, 0);
  }
}

TEST(Conv, NamesShapesThatDoNotFit) {
  for (const Device device : devices()) {
    const auto f32 = [&](const Shape& shape) { return zeros(shape, DType::f32, device); };
    expect_throw<ShapeError>(
        [&] {
          conv2d(f32({1, 3, 8, 8}), f32({4, 2, 3, 3}));
        },
        {"conv2d", "[1, 3, 8, 8]", "[4, 2, 3, 3]"});
    expect_throw<ShapeError>([&] { conv2d(f32({3, 8, 8}), f32({4, 3, 3, 3})); }, {"conv2d", "[3, 8, 8]"});
    expect_throw<ShapeError>(
        [&] {
          conv2d(f32({1, 3, 4, 8}), f32({4, 3, 5, 5}));
        },
        {"conv2d", "[1, 3, 4, 8]", "[4, 3, 5, 5]"});
    expect_throw<ShapeError>(
        [&] {
          conv2d(f32({1, 1, 4, 4}), f32({1, 1, 3, 3}), {}, {.dilation = 2});
        },
        {"conv2d", "[1, 1, 4, 4]", "[1, 1, 3, 3]"});
    expect_throw<ShapeError>(
        [&] {
          conv2d(f32({1, 3, 8, 8}), f32({4, 3, 3, 3}), f32({3}));
        },
        {"conv2d", "[4, 3, 3, 3]", "[3]"});
  }
}

TEST(Conv, RefusesParametersThatMakeNoSense) {
  for (const Device device : devices()) {
    const Tensor x = zeros({1, 4, 8, 8}, DType::f32, device), w = zeros({6, 4, 3, 3}, DType::f32, device);
    expect_throw<ValueError>([&] { conv2d(x, w, {}, {.stride = 0}); }, {"conv2d", "stride", "0"});
    expect_throw<ValueError>([&] { conv2d(x, w, {}, {.padding = {0, -1}}); }, {"conv2d", "padding", "-1"});
    expect_throw<ValueError>([&] { conv2d(x, w, {}, {.dilation = {0, 1}}); }, {"conv2d", "dilation", "0"});
    expect_throw<ValueError>([&] { conv2d(x, w, {}, {.groups = 0}); }, {"conv2d", "groups", "0"});
  }
  EXPECT_THROW(conv2d(zeros({1, 4, 8, 8}), zeros({5, 2, 3, 3}), {}, {.groups = 2}),
               Error);  // 5 filters in 2 groups
}

TEST(Conv, RefusesOtherTypes) {
  for (const Device device : devices()) {
    const auto make = [&](const Shape& shape, DType dtype) { return zeros(shape, dtype, device); };
    expect_throw<DTypeError>(
        [&] {
          conv2d(make({1, 1, 4, 4}, DType::u8), make({1, 1, 3, 3}, DType::u8));
        },
        {"conv2d", "u8"});
    expect_throw<DTypeError>(
        [&] {
          conv2d(make({1, 1, 4, 4}, DType::f32), make({1, 1, 3, 3}, DType::f64));
        },
        {"conv2d", "f32", "f64"});
    expect_throw<DTypeError>(
        [&] {
          conv2d(make({1, 1, 4, 4}, DType::f32), make({1, 1, 3, 3}, DType::f32), make({1}, DType::f16));
        },
        {"conv2d", "f16"});
  }
}

}  // namespace
}  // namespace dlengine::test

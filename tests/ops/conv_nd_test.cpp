// Convolutions of series and volumes, and transposed ones.
#include <algorithm>

#include "dlengine/core/factory.h"
#include "dlengine/core/ops/conv.h"
#include "tests/support/devices.h"
#include "tests/support/op_case.h"
#include "tests/support/reference.h"

namespace dlengine::test {
namespace {

using Values = std::vector<NdArray>;
using Tensors = std::vector<Tensor>;

// Inputs x, w and perhaps a bias of `filters` numbers; w has `taps` numbers that meet in one sum, at most.
OpCase case_of(const std::string& name, const Shape& x, const Shape& w, int64_t filters) {
  OpCase row{.name = name, .inputs = {{.shape = x}, {.shape = w}}, .op = {}, .reference = {}};
  if (filters > 0) row.inputs.push_back({.shape = {filters}});
  const auto taps = static_cast<double>(w.product());
  const auto places = static_cast<double>(x.product() * w.product() / std::max<int64_t>(1, x[1] * w[1]));
  row.value = {.terms = taps + 1};
  row.gradient = {.terms = std::max(places, taps), .roundings = 2};
  return row;
}

Tensor bias_of(const Tensors& in) { return in.size() > 2 ? in[2] : Tensor(); }
NdArray bias_of(const Values& in) { return in.size() > 2 ? in[2] : NdArray(Shape{0}); }

NdArray shaped(NdArray x, const Shape& shape) {
  x.shape = shape;
  return x;
}
// [a, b, c] as [a, b, 1, c] and back.
NdArray as_image(const NdArray& x) { return shaped(x, {x.shape[0], x.shape[1], 1, x.shape[2]}); }
NdArray as_series(const NdArray& x) { return shaped(x, {x.shape[0], x.shape[1], x.shape[3]}); }

OpCase conv1d_case(const std::string& name, const Shape& x, const Shape& w, const Conv1dParams& params,
                   bool bias = true) {
  OpCase row = case_of("series_" + name, x, w, bias ? w[0] : 0);
  row.op = [=](const Tensors& in) { return conv1d(in[0], in[1], bias_of(in), params); };
  row.reference = [=](const Values& in) {
    return as_series(reference::conv2d(as_image(in[0]), as_image(in[1]), bias_of(in),
                                       {.stride = {1, params.stride},
                                        .padding = {0, params.padding},
                                        .dilation = {1, params.dilation},
                                        .groups = params.groups}));
  };
  return row;
}

OpCase conv3d_case(const std::string& name, const Shape& x, const Shape& w, const Conv3dParams& params,
                   bool bias = true) {
  OpCase row = case_of("volumes_" + name, x, w, bias ? w[0] : 0);
  row.op = [=](const Tensors& in) { return conv3d(in[0], in[1], bias_of(in), params); };
  row.reference = [=](const Values& in) { return reference::conv3d(in[0], in[1], bias_of(in), params); };
  return row;
}

OpCase transposed_case(const std::string& name, const Shape& x, const Shape& w,
                       const ConvTranspose2dParams& params, bool bias = true) {
  OpCase row = case_of("transposed_" + name, x, w, bias ? w[1] * params.groups : 0);
  row.op = [=](const Tensors& in) { return conv_transpose2d(in[0], in[1], bias_of(in), params); };
  row.reference = [=](const Values& in) {
    return reference::conv_transpose2d(in[0], in[1], bias_of(in), params);
  };
  row.value.roundings = 1;  // before the bias is added
  return row;
}

OpCase transposed_series_case(const std::string& name, const Shape& x, const Shape& w,
                              const ConvTranspose1dParams& params) {
  OpCase row = case_of("transposed_series_" + name, x, w, w[1] * params.groups);
  row.op = [=](const Tensors& in) { return conv_transpose1d(in[0], in[1], bias_of(in), params); };
  row.reference = [=](const Values& in) {
    return as_series(reference::conv_transpose2d(as_image(in[0]), as_image(in[1]), bias_of(in),
                                                 {.stride = {1, params.stride},
                                                  .padding = {0, params.padding},
                                                  .output_padding = {0, params.output_padding},
                                                  .dilation = {1, params.dilation},
                                                  .groups = params.groups}));
  };
  row.value.roundings = 1;
  return row;
}

const OpCase kCases[] = {
    conv1d_case("plain", {2, 3, 7}, {4, 3, 3}, {}),
    conv1d_case("strided", {2, 4, 9}, {6, 2, 3}, {.stride = 2, .padding = 2, .dilation = 2, .groups = 2}),
    conv1d_case("no_bias", {1, 1, 5}, {2, 1, 2}, {}, false),
    conv1d_case("one_element", {1, 1, 1}, {1, 1, 1}, {}),
    conv1d_case("no_samples", {0, 2, 5}, {3, 2, 2}, {}),
    conv3d_case("plain", {2, 2, 4, 3, 5}, {3, 2, 3, 3, 3}, {.padding = 1}),
    conv3d_case("strided", {1, 4, 5, 4, 3}, {2, 2, 3, 2, 1},
                {.stride = {2, 1, 2}, .padding = {1, 0, 1}, .groups = 2}),
    conv3d_case("dilated", {2, 1, 6, 5, 4}, {2, 1, 2, 2, 2}, {.stride = {1, 2, 1}, .dilation = {3, 1, 2}},
                false),
    conv3d_case("drops_the_last_depth", {1, 2, 6, 2, 2}, {1, 2, 2, 1, 2}, {.stride = {3, 1, 1}}),
    conv3d_case("depthwise", {1, 3, 3, 3, 2}, {6, 1, 2, 2, 2}, {.groups = 3}),
    conv3d_case("one_element", {1, 1, 1, 1, 1}, {1, 1, 1, 1, 1}, {}),
    conv3d_case("no_samples", {0, 2, 3, 3, 3}, {3, 2, 2, 2, 2}, {}),
    transposed_case("plain", {2, 2, 4, 3}, {2, 3, 3, 3}, {}),
    transposed_case("doubling", {1, 3, 3, 4}, {3, 2, 2, 2}, {.stride = 2}),
    transposed_case("padded", {2, 3, 4, 5}, {3, 2, 3, 3}, {.padding = 1}),
    transposed_case("output_padding", {2, 4, 3, 4}, {4, 3, 3, 2},
                    {.stride = {2, 3}, .padding = {1, 0}, .output_padding = {1, 2}, .groups = 2}),
    transposed_case("dilated", {1, 1, 4, 3}, {1, 2, 3, 3}, {.padding = 2, .dilation = {2, 3}}, false),
    transposed_case("depthwise", {1, 3, 3, 3}, {3, 1, 3, 3}, {.stride = 2, .groups = 3}),
    transposed_case("many_channels", {1, 17, 3, 3}, {17, 16, 3, 3}, {.padding = 1}),
    transposed_case("stride_beyond_kernel", {1, 2, 3, 2}, {2, 2, 1, 2}, {.stride = 3}),
    transposed_case("one_element", {1, 1, 1, 1}, {1, 1, 1, 1}, {}),
    transposed_case("no_samples", {0, 2, 3, 3}, {2, 3, 3, 3}, {}),
    transposed_series_case("tripling", {2, 3, 5}, {3, 2, 4},
                           {.stride = 3, .padding = 1, .output_padding = 1}),
    transposed_series_case("dilated", {1, 4, 3}, {4, 1, 2}, {.dilation = 2, .groups = 2}),
};

class ConvNd : public ::testing::TestWithParam<OpCase> {};
TEST_P(ConvNd, ValueAndGradientMatchDouble) { check_case(GetParam()); }
INSTANTIATE_TEST_SUITE_P(All, ConvNd, ::testing::ValuesIn(kCases), case_name);

TEST(ConvTranspose, TakesChannelsLastImages) {
  for (const bool strided : {false, true}) {
    const OpCase row = transposed_case("channels_last", {2, 6, 5, 4}, {6, 5, 3, 3},
                                       {.stride = strided ? 2 : 1, .padding = 1});
    for (const Layout y : {Layout::channels_last, Layout::contiguous}) {
      check_case(row,
                 {.inputs = {Layout::channels_last, Layout::contiguous, Layout::contiguous}, .cotangent = y});
    }
  }
}

TEST(ConvTranspose, UndoesTheSizeOfItsConvolution) {
  for (const int64_t size : {7, 8}) {
    const Tensor y = conv2d(zeros({1, 1, size, size}), zeros({1, 1, 3, 3}), {}, {.stride = 2, .padding = 1});
    const Tensor back =
        conv_transpose2d(y, zeros({1, 1, 3, 3}), {},
                         {.stride = 2, .padding = 1, .output_padding = size % 2 == 0 ? Size2(1) : Size2(0)});
    EXPECT_EQ(back.shape(), (Shape{1, 1, size, size}));
  }
}

TEST(ConvNd, NamesWhatDoesNotFit) {
  for (const Device device : devices()) {
    const auto f32 = [&](const Shape& shape) { return zeros(shape, DType::f32, device); };
    expect_throw<ShapeError>(
        [&] {
          conv1d(f32({2, 3}), f32({4, 3, 3}));
        },
        {"conv1d: need x [N, C, L] and w [K, C/1, R]", "[2, 3]", "[4, 3, 3]"});
    expect_throw<ShapeError>(
        [&] {
          conv1d(f32({1, 3, 2}), f32({4, 3, 3}));
        },
        {"conv1d", "do not fit", "[1, 3, 2]"});
    expect_throw<ShapeError>(
        [&] {
          conv1d(f32({1, 3, 5}), f32({4, 3, 3}), f32({3}));
        },
        {"conv1d: need bias [4]", "[3]"});
    expect_throw<ValueError>(
        [&] {
          conv1d(f32({1, 3, 5}), f32({4, 3, 3}), {}, {.stride = 0});
        },
        {"conv1d: stride 0"});
    expect_throw<ShapeError>(
        [&] {
          conv3d(f32({1, 3, 2, 2, 2}), f32({4, 2, 1, 1, 1}));
        },
        {"conv3d: need x [N, C, D, H, W]", "[4, 2, 1, 1, 1]"});
    expect_throw<ShapeError>(
        [&] {
          conv3d(f32({1, 3, 1, 2, 2}), f32({4, 3, 2, 1, 1}));
        },
        {"conv3d", "do not fit"});
    expect_throw<ValueError>(
        [&] {
          conv3d(f32({1, 3, 2, 2, 2}), f32({4, 3, 1, 1, 1}), {}, {.padding = {0, 0, -1}});
        },
        {"conv3d", "padding 0x0x-1"});
    expect_throw<DTypeError>(
        [&] {
          conv3d(f32({1, 1, 1, 1, 1}), zeros({1, 1, 1, 1, 1}, DType::f64, device));
        },
        {"conv3d", "f32", "f64"});
  }
}

TEST(ConvTranspose, NamesWhatDoesNotFit) {
  for (const Device device : devices()) {
    const auto f32 = [&](const Shape& shape) { return zeros(shape, DType::f32, device); };
    const Tensor x = f32({1, 4, 3, 3}), w = f32({4, 2, 3, 3});
    expect_throw<ShapeError>(
        [&] {
          conv_transpose2d(x, f32({3, 2, 3, 3}));
        },
        {"conv_transpose2d: need x [N, C, H, W] and w [C, K/1, R, S]", "[3, 2, 3, 3]"});
    expect_throw<ShapeError>([&] { conv_transpose2d(x, w, f32({4})); }, {"need bias [2]", "[4]"});
    expect_throw<ValueError>(
        [&] {
          conv_transpose2d(x, w, {}, {.stride = 2, .output_padding = {1, 2}});
        },
        {"output_padding 1x2", "below the stride 2x2"});
    expect_throw<ValueError>([&] { conv_transpose2d(x, w, {}, {.groups = 0}); },
                             {"conv_transpose2d", "groups 0"});
    expect_throw<ShapeError>([&] { conv_transpose2d(x, w, {}, {.padding = 3}); }, {"nothing is left", "3x3"});
    expect_throw<ShapeError>([&] { conv_transpose1d(x, w); }, {"conv_transpose1d: need x [N, C, L]"});
    expect_throw<DTypeError>([&] { conv_transpose2d(x.to(DType::i32), w.to(DType::i32)); },
                             {"conv_transpose2d", "i32"});
  }
}

}  // namespace
}  // namespace dlengine::test

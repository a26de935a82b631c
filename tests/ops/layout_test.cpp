// Images that lie channels-last, row-major and mixed: values and gradients are the same, and f32 on the CPU
// stays channels-last from the first convolution on.
#include <algorithm>

#include "dlengine/core/factory.h"
#include "dlengine/core/image_layout.h"
#include "dlengine/core/ops.h"
#include "tests/support/devices.h"
#include "tests/support/op_case.h"
#include "tests/support/reference.h"

namespace dlengine::test {
namespace {

// One channel, few, more than a vector or two of them; sizes that divide by nothing, and ones that do.
const Shape kShapes[] = {{3, 1, 9, 7}, {2, 3, 7, 5},  {2, 6, 5, 4},
                         {2, 8, 4, 4}, {1, 17, 5, 3}, {1, 33, 3, 2}};

/// The row in all mixes of the layouts of its images, which are the inputs shaped like the first, and of its
/// gradient.
void check_mixes(const OpCase& row) {
  const Shape& shape = row.inputs[0].shape;
  const auto images = std::count_if(row.inputs.begin(), row.inputs.end(),
                                    [&](const Input& input) { return input.shape == shape; });
  std::vector<NdArray> some;
  for (const Input& input : row.inputs) some.emplace_back(input.shape, 0.5);
  const bool gives_images = row.reference(some).shape.rank() == 4;
  for (int mix = 0; mix < 1 << (images + gives_images); ++mix) {
    Layouts layouts;
    int bits = mix;
    const auto next = [&bits](bool is_images) {
      if (!is_images) return Layout::contiguous;
      const Layout layout = bits % 2 ? Layout::channels_last : Layout::shifted;
      bits /= 2;
      return layout;
    };
    for (const Input& input : row.inputs) layouts.inputs.push_back(next(input.shape == shape));
    layouts.cotangent = next(gives_images);
    check_case(row, layouts);
    if (::testing::Test::HasFailure()) return;
  }
}

class ImageLayouts : public ::testing::TestWithParam<Shape> {};
INSTANTIATE_TEST_SUITE_P(All, ImageLayouts, ::testing::ValuesIn(kShapes),
                         [](const auto& test) { return "channels_" + std::to_string(test.param[1]); });

TEST_P(ImageLayouts, Convolution) {
  const Shape x = GetParam();
  const int64_t groups = x[1] % 3 == 0 ? 3 : 1;
  for (const Conv2dParams& params :
       {Conv2dParams{.padding = 1}, Conv2dParams{.stride = 2, .padding = 1, .groups = groups}}) {
    const Shape w{6, x[1] / params.groups, 3, 2};
    const auto taps = static_cast<double>(w[1] * w[2] * w[3]);
    check_mixes(
        {.name = "conv2d",
         .inputs = {{.shape = x}, {.shape = w}, {.shape = {6}}},
         .op = [&](auto& in) { return conv2d(in[0], in[1], in[2], params); },
         .reference = [&](auto& in) { return reference::conv2d(in[0], in[1], in[2], params); },
         .value = {.terms = taps + 1},
         .gradient = {.terms = std::max(6 * taps, static_cast<double>(x[0] * x[2] * x[3])), .roundings = 1}});
  }
}

TEST_P(ImageLayouts, MaximumAndAveragePooling) {
  for (const Pool2dParams& params :
       {Pool2dParams{.kernel = 2}, Pool2dParams{.kernel = 3, .stride = 2, .padding = 1},
        Pool2dParams{.kernel = {1, 2}, .stride = {2, 1}, .count_include_pad = false}}) {
    const auto terms = static_cast<double>(params.kernel.h * params.kernel.w);
    check_mixes({.name = "max_pool2d",
                 .inputs = {{.shape = GetParam(), .distinct = true}},
                 .op = [&](auto& in) { return max_pool2d(in[0], params); },
                 .reference = [&](auto& in) { return reference::max_pool2d(in[0], params); },
                 .value = {.terms = 0},
                 .gradient = {.terms = terms}});
    check_mixes({.name = "avg_pool2d",
                 .inputs = {{.shape = GetParam()}},
                 .op = [&](auto& in) { return avg_pool2d(in[0], params); },
                 .reference = [&](auto& in) { return reference::avg_pool2d(in[0], params); },
                 .value = {.terms = terms},
                 .gradient = {.terms = terms}});
  }
}

TEST_P(ImageLayouts, BatchNorm) {
  const Shape shape = GetParam();
  const auto terms = static_cast<double>(shape.product() / shape[1]);
  const auto wide = [](const Tensor& channels) {
    return channels.to(channels.dtype() == DType::f64 ? DType::f64 : DType::f32);
  };
  check_mixes(
      {.name = "training",
       .inputs = {{.shape = shape}, {.shape = {shape[1]}}, {.shape = {shape[1]}}},
       .op = [&](auto& in) { return batch_norm(in[0], wide(in[1]), wide(in[2]), {}, {}, {.eps = 0.5}); },
       .reference = [](auto& in) { return reference::batch_norm(in[0], in[1], in[2], 0.5); },
       .value = {.terms = terms, .magnitude = 4},
       .gradient = {.terms = terms, .roundings = 1, .magnitude = 4}});
  const std::vector<double> means(static_cast<size_t>(shape[1]), 0.25), variances(means.size(), 2);
  check_mixes(
      {.name = "evaluation",
       .inputs = {{.shape = shape}, {.shape = {shape[1]}}, {.shape = {shape[1]}}},
       .op =
           [&](auto& in) {
             const Tensor scale = wide(in[1]), some = scale.detach();
             return batch_norm(in[0], scale, wide(in[2]),
                               full(some.shape(), 0.25, some.dtype(), some.device()),
                               full(some.shape(), 2, some.dtype(), some.device()), {.training = false});
           },
       .reference =
           [&](auto& in) { return reference::normalize(in[0], in[1], in[2], means, variances, 1e-5); },
       .value = {.terms = 4, .magnitude = 4},
       .gradient = {.terms = terms, .roundings = 4, .magnitude = 4}});
}

TEST_P(ImageLayouts, Elements) {
  const Shape shape = GetParam(), channels{1, shape[1], 1, 1};
  check_mixes(
      {.name = "relu",
       .inputs = {{.shape = shape, .kinks = {0}}},
       .op = [](auto& in) { return relu(in[0]); },
       .reference = [](auto& in) { return reference::map(in[0], [](double v) { return std::max(v, 0.0); }); },
       .elementwise = true});
  check_mixes(
      {.name = "product",
       .inputs = {{.shape = shape}, {.shape = shape}},
       .op = [](auto& in) { return in[0] * in[1]; },
       .reference =
           [](auto& in) { return reference::zip(in[0], in[1], [](double a, double b) { return a * b; }); },
       .elementwise = true});
  check_mixes({.name = "per_channel",
               .inputs = {{.shape = shape}, {.shape = channels}},
               .op = [](auto& in) { return in[0] * 2 - in[1]; },
               .reference =
                   [](auto& in) {
                     return reference::zip(in[0], in[1], [](double a, double b) { return 2 * a - b; });
                   },
               .value = {.terms = 2, .roundings = 1, .magnitude = 2},
               .gradient = {.terms = static_cast<double>(shape.product()), .roundings = 1},
               .elementwise = true});
}

TEST_P(ImageLayouts, WhatIsNotAboutImages) {
  const Shape shape = GetParam();
  const int64_t features = shape[1] * shape[2] * shape[3];
  const auto terms = static_cast<double>(features);
  check_mixes({.name = "flatten_and_linear",
               .inputs = {{.shape = shape}, {.shape = {4, features}}, {.shape = {4}}},
               .op = [](auto& in) { return linear(in[0].flatten(1), in[1], in[2]); },
               .reference =
                   [&](auto& in) {
                     NdArray rows = in[0];
                     rows.shape = {shape[0], features};
                     return reference::linear(rows, in[1], in[2]);
                   },
               .value = {.terms = terms + 1},
               .gradient = {.terms = 8, .roundings = 1}});
  check_mixes({.name = "global_average",
               .inputs = {{.shape = shape}},
               .op = [](auto& in) { return global_avg_pool2d(in[0]); },
               .reference =
                   [](auto& in) {
                     return reference::reduce(in[0], {2, 3}, true, reference::fold_mean);
                   },
               .value = {.terms = terms}});
  check_mixes({.name = "softmax_of_channels_and_columns",
               .inputs = {{.shape = shape}},
               .op = [](auto& in) { return softmax(in[0], 1) + log_softmax(in[0], 3); },
               .reference =
                   [](auto& in) {
                     return reference::zip(reference::softmax(in[0], 1), reference::log_softmax(in[0], 3),
                                           [](double a, double b) { return a + b; });
                   },
               .value = {.terms = terms, .roundings = 2, .magnitude = 4},
               .gradient = {.terms = terms, .roundings = 4, .magnitude = 2}});
  check_mixes(
      {.name = "slice_and_concat",
       .inputs = {{.shape = shape}},
       .op =
           [](auto& in) {
             return concat({in[0].slice(2, 1), in[0].slice(2, 0, 1)}, 2);
           },
       .reference =
           [&](auto& in) {
             return reference::concat(
                 {reference::slice(in[0], 2, 1, shape[2] - 1, 1), reference::slice(in[0], 2, 0, 1, 1)}, 2);
           }});
}

// --- Where images stay channels-last ---

Tensor images(const Shape& shape, DType dtype, Device device, Layout layout = Layout::channels_last) {
  std::mt19937_64 rng(3);
  return GuardedTensor(rounded(random_array(shape, -1, 1, rng), dtype), dtype, device, layout).view();
}

TEST(ImageLayout, IsKeptWhereTheDeviceWantsIt) {
  for (const Device device : devices()) {
    for (const DType dtype : floating_types()) {
      SCOPED_TRACE(name(dtype));
      const ImageLayout want = convolution_layout(dtype, device);
      const Tensor x = images({2, 4, 8, 8}, dtype, device);
      const Tensor channels = ones({4}, dtype == DType::f64 ? dtype : DType::f32, device);
      EXPECT_EQ(layout_of(x), want);
      for (const Tensor& y :
           {conv2d(x.contiguous(), ones({3, 4, 3, 3}, dtype, device)), relu(x), x * 2 + 1, x + x.contiguous(),
            x * ones({1, 4, 1, 1}, dtype, device), dropout(x, 0.5), max_pool2d(x, {}), avg_pool2d(x, {}),
            batch_norm(x, channels, channels, {}, {}), empty_like(x)}) {
        EXPECT_EQ(layout_of(y), want);
        EXPECT_TRUE(lies_in(want, y));
      }
      for (const Tensor& y : {x.clone(), x.contiguous(), relu(x.contiguous()), softmax(x, 3)}) {
        EXPECT_TRUE(y.is_contiguous());
      }
    }
  }
  EXPECT_EQ(convolution_layout(DType::f32, kCpu), ImageLayout::channels_last);
}

TEST(ImageLayout, IsThatOfTheGradientToo) {
  for (const Device device : devices()) {
    Tensor x = images({2, 4, 8, 8}, DType::f32, device);
    x.set_requires_grad();
    relu(x).backward(ones({2, 4, 8, 8}, DType::f32, device));
    EXPECT_EQ(layout_of(x.grad()), convolution_layout(DType::f32, device));
  }
}

TEST(ImageLayout, ChangesNoBitOfPoolingAndDropout) {
  for (const Device device : devices()) {
    for (const Shape& shape :
         {Shape{2, 6, 8, 6}, Shape{2, 33, 7, 5}, Shape{3, 3, 2, 6}, Shape{2, 20, 6, 6}}) {
      const auto run = [&](Layout layout) {
        Tensor x = images(shape, DType::f32, device, layout);
        x.set_requires_grad();
        Generator generator(4);
        const Tensor y = dropout(x, 0.4, generator), z = max_pool2d(y, {}) * avg_pool2d(y, {.kernel = 2});
        z.backward(z.detach());
        return std::vector{y.to_vector<double>(), z.to_vector<double>(), x.grad().to_vector<double>()};
      };
      EXPECT_EQ(run(Layout::channels_last), run(Layout::contiguous));
    }
  }
}

}  // namespace
}  // namespace dlengine::test

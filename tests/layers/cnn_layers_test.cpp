// Options, messages and special behaviour of the layers for series, volumes, up-sampling and samples.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dlengine/core/factory.h"
#include "dlengine/core/image_layout.h"
#include "dlengine/data/dataset.h"
#include "dlengine/layers/layers.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"

namespace dlengine::test {
namespace {

constexpr auto kBilinear = InterpolateMode::bilinear;

TEST(ConvolutionLayers, DescribeThemselves) {
  EXPECT_EQ(Conv1d({.out_channels = 4, .kernel = 3, .stride = 2}).description(),
            "? -> 4, kernel 3, stride 2");
  EXPECT_EQ(
      Conv3d({.in_channels = 2, .out_channels = 4, .kernel = {1, 2, 3}, .padding = {0, 1, 1}}).description(),
      "2 -> 4, kernel 1x2x3, padding 0x1x1");
  EXPECT_EQ(
      ConvTranspose2d({.in_channels = 4, .out_channels = 2, .kernel = 3, .stride = 2, .output_padding = 1})
          .description(),
      "4 -> 2, kernel 3x3, stride 2x2, output padding 1x1");
}

TEST(ConvolutionLayers, RefuseOptionsThatMakeNoSense) {
  expect_throw<ValueError>([] { Conv1d({.kernel = 3}); }, {"Conv1d: need out_channels >= 1"});
  expect_throw<ValueError>([] { Conv3d({.out_channels = 2}); }, {"Conv3d: need kernel", "got 0x0x0, 1x1x1"});
  expect_throw<ValueError>([] { Conv1d({.out_channels = 2, .kernel = 3, .padding = -1}); },
                           {"padding >= 0, got -1"});
  expect_throw<ValueError>([] { ConvTranspose2d({.out_channels = 3, .kernel = 2, .groups = 2}); },
                           {"ConvTranspose2d: need groups"});
  expect_throw<ValueError>(
      [] {
        ConvTranspose2d({.out_channels = 3, .kernel = 2, .stride = 2, .output_padding = {0, 2}});
      },
      {"ConvTranspose2d: need output_padding >= 0 and below the stride 2x2, got 0x2"});
  Conv1d series({.out_channels = 2, .kernel = 2});
  expect_throw<ShapeError>([&] { series(zeros({1, 2, 3, 4})); }, {"Conv1d(? -> 2", "need series [N, C, L]"});
  Conv3d volumes({.out_channels = 2, .kernel = 2});
  expect_throw<ShapeError>(
      [&] {
        volumes(zeros({1, 2, 3, 4}));
      },
      {"need volumes [N, C, D, H, W], got [1, 2, 3, 4]"});
}

TEST(ConvolutionLayers, DrawTransposedBiasesForEachOutput) {
  manual_seed(1);
  ConvTranspose2d layer({.in_channels = 3, .out_channels = 8, .kernel = 2, .groups = 1});
  const std::vector<Tensor> parameters = layer.parameters();
  EXPECT_EQ(parameters[0].shape(), (Shape{3, 8, 2, 2}));
  EXPECT_EQ(parameters[1].shape(), (Shape{8}));
}

TEST(ConvolutionLayers, CountFlops) {
  Conv1d series({.in_channels = 4, .out_channels = 6, .kernel = 3, .groups = 2});
  EXPECT_EQ(series.flops({2, 4, 7}, {2, 6, 5}), 2 * (2 * 6 * 5) * 2 * 3);
  ConvTranspose2d doubling({.in_channels = 3, .out_channels = 5, .kernel = 2, .stride = 2});
  EXPECT_EQ(doubling.flops({1, 3, 4, 4}, {1, 5, 8, 8}), 2 * (3 * 4 * 4) * 5 * 4);
}

TEST(PoolingLayers, DescribeThemselvesAndRefuseNonsense) {
  EXPECT_EQ(MaxPool1d({.kernel = 3, .stride = 2, .padding = 1}).description(),
            "kernel 3, stride 2, padding 1");
  EXPECT_EQ(AvgPool3d({.kernel = {1, 2, 2}, .count_include_pad = false}).description(),
            "kernel 1x2x2, padding not counted");
  EXPECT_EQ(AdaptiveAvgPool2d({2, 3}).description(), "2x3");
  expect_throw<ValueError>([] { MaxPool3d({.kernel = 0}); }, {"MaxPool3d: kernel 0x0x0"});
  expect_throw<ValueError>([] { AvgPool1d({.kernel = 2, .padding = 2}); }, {"AvgPool1d: padding 2"});
  expect_throw<ValueError>([] { AdaptiveAvgPool2d(0); }, {"AdaptiveAvgPool2d", "0x0"});
}

TEST(Unpool, FindsTheSizeOrSaysThatItDoesNotFit) {
  MaxPool2d pool({.kernel = 3, .stride = 2, .padding = 1});
  const MaxUnpool2d unpool({.kernel = 3, .stride = 2, .padding = 1});
  const auto [y, indices] = pool.with_indices(rand({1, 1, 6, 5}));
  EXPECT_EQ(unpool(y, indices, {6, 5}).shape(), (Shape{1, 1, 6, 5}));
  expect_throw<ShapeError>(
      [&, &values = y, &at = indices] {
        unpool(values, at, {9, 5});
      },
      {"MaxUnpool2d: pooling makes 5x3 of images of 9x5", "[1, 1, 3, 3]"});
  expect_throw<ShapeError>(
      [&] {
        unpool(zeros({2, 2}), zeros({2, 2}, DType::i64));
      },
      {"MaxUnpool2d: need x"});
}

TEST(Upsample, DescribesItselfAndRefusesNonsense) {
  EXPECT_EQ(Upsample({.scale_factor = 2}).description(), "by 2, nearest");
  EXPECT_EQ(Upsample({.size = {4, 5}, .mode = kBilinear, .align_corners = true}).description(),
            "to 4x5, bilinear, align corners");
  expect_throw<ValueError>([] { Upsample({}); }, {"either a size or a scale_factor"});
  expect_throw<ValueError>([] { Upsample({.scale_factor = 2, .align_corners = true}); }, {"align_corners"});
}

TEST(SampleNorms, DescribeThemselvesAndRefuseNonsense) {
  EXPECT_EQ(LayerNorm({.normalized_shape = {4, 5}, .eps = 0.1}).description(), "4x5, eps 0.1");
  EXPECT_EQ(GroupNorm({.num_groups = 2, .num_channels = 6, .affine = false}).description(),
            "2 groups of 3, not affine");
  EXPECT_EQ(InstanceNorm2d({.num_features = 3, .affine = true}).description(), "3");
  expect_throw<ValueError>([] { LayerNorm({}); }, {"LayerNorm: need normalized_shape", "[]"});
  expect_throw<ValueError>([] { LayerNorm({.normalized_shape = {3}, .eps = 0}); },
                           {"LayerNorm: need eps > 0"});
  expect_throw<ValueError>([] { GroupNorm({.num_groups = 2, .num_channels = 5}); }, {"GroupNorm", "2 and 5"});
  expect_throw<ValueError>([] { InstanceNorm1d({.num_features = -1}); }, {"InstanceNorm1d", "-1"});
  GroupNorm groups({.num_groups = 2});
  expect_throw<ShapeError>([&] { groups(zeros({2, 5})); }, {"GroupNorm(2 groups of ?)", "[2, 5]"});
  InstanceNorm2d images({.num_features = 3});
  expect_throw<ShapeError>([&] { images(zeros({2, 3, 4})); }, {"InstanceNorm2d(3", "of 4 axes", "[2, 3, 4]"});
  BatchNorm3d volumes;
  expect_throw<ShapeError>([&] { volumes(zeros({2, 3, 4, 4})); }, {"volumes [N, C, D, H, W]"});
}

TEST(SampleNorms, HaveTheirParametersInTheTypeOfTheInput) {
  LayerNorm layer({.normalized_shape = {3}});
  EXPECT_EQ(layer.parameter_count(), 6);
  layer.to(DType::f16);
  EXPECT_EQ(name(layer(zeros({2, 3}, DType::f16)).dtype()), "f16");
  GroupNorm groups({.num_groups = 2});
  groups(zeros({1, 4, 2}, DType::f64));
  EXPECT_EQ(name(groups.parameters()[0].dtype()), "f64");
}

TEST(ChannelsLast, IsAViewThatConvolutionsReadAsItIs) {
  for (const Device device : devices()) {
    const Tensor x = rand({2, 5, 4, 3}, 0, 1, DType::f32, device);
    const Tensor images = from_channels_last(x);
    EXPECT_EQ(images.shape(), (Shape{2, 3, 5, 4}));
    EXPECT_EQ(images.raw(), x.raw());
    EXPECT_TRUE(lies_in(ImageLayout::channels_last, images));
    EXPECT_EQ(to_channels_last(images).to_vector<float>(), x.to_vector<float>());
    EXPECT_EQ(images.select(1, 2).to_vector<float>(), x.select(3, 2).to_vector<float>());
  }
  EXPECT_EQ(FromChannelsLast()(zeros({2, 7, 3})).shape(), (Shape{2, 3, 7}));
  EXPECT_EQ(from_channels_last(zeros({2, 4, 5, 6, 3})).shape(), (Shape{2, 3, 4, 5, 6}));
  expect_throw<ShapeError>([] { from_channels_last(zeros({2, 3})); }, {"from_channels_last", "[2, 3]"});
  expect_throw<ShapeError>([] { to_channels_last(zeros({2})); }, {"to_channels_last", "[2]"});
}

TEST(ChannelsLast, SuitsDataSetsOfBytes) {
  const std::vector<uint8_t> pixels = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
  const TensorDataset dataset(from_channels_last(from_vector(pixels, {2, 1, 2, 3})), zeros({2}, DType::i64));
  const int64_t second[] = {1};
  const Batch batch = dataset.get(second);
  EXPECT_EQ(batch.x.shape(), (Shape{1, 3, 1, 2}));
  EXPECT_FLOAT_EQ(batch.x.to_vector<float>()[1], 9 / 255.0f);
}

TEST(ReceptiveField, FollowsUpSampling) {
  Sequential net(Conv2d({.out_channels = 2, .kernel = 3, .padding = 1}), MaxPool2d({.kernel = 2}),
                 ConvTranspose2d({.out_channels = 2, .kernel = 2, .stride = 2}),
                 Conv2d({.out_channels = 1, .kernel = 3}), Upsample({.scale_factor = 3}),
                 Conv2d({.out_channels = 1, .kernel = 4}), AdaptiveAvgPool2d(1));
  const std::vector<SummaryRow> rows = summary_rows(net, {1, 1, 8, 8});
  EXPECT_EQ(rows[0].receptive_field, (Dims{3, 3}));
  EXPECT_EQ(rows[1].receptive_field, (Dims{4, 4}));  // pixels of the pooling are 2 apart
  EXPECT_EQ(rows[2].receptive_field, (Dims{4, 4}));  // and here 1
  EXPECT_EQ(rows[3].receptive_field, (Dims{6, 6}));
  EXPECT_EQ(rows[4].receptive_field, (Dims{6, 6}));    // and here 1/3
  EXPECT_EQ(rows[5].receptive_field, (Dims{7, 7}));    // 4 of them cover 2 pixels
  EXPECT_EQ(rows[6].receptive_field, (Dims{12, 12}));  // 15 pixels of the layer before, a third apart
  EXPECT_EQ(rows[6].output, (Shape{1, 1, 1, 1}));
}

TEST(ReceptiveField, OfAMeanOverTheImageIsTheImage) {
  Sequential net(Conv2d({.out_channels = 2, .kernel = 3}), GlobalAvgPool2d());
  const std::vector<SummaryRow> rows = summary_rows(net, {1, 1, 28, 20});
  EXPECT_EQ(rows[0].receptive_field, (Dims{3, 3}));
  EXPECT_EQ(rows[1].receptive_field, (Dims{28, 20}));
}

TEST(ReceptiveField, OfSeriesHasOneAxis) {
  Sequential net(ReLU(), Conv1d({.out_channels = 2, .kernel = 5, .dilation = 2}), ReLU(),
                 MaxPool1d({.kernel = 2}), AvgPool1d({.kernel = 3, .stride = 2}),
                 ConvTranspose1d({.out_channels = 1, .kernel = 4, .stride = 2}), Flatten());
  const std::vector<SummaryRow> rows = summary_rows(net, {1, 1, 40});
  EXPECT_EQ(rows[0].receptive_field, Dims());  // a series or not, nobody has said
  EXPECT_EQ(rows[1].receptive_field, Dims{9});
  EXPECT_EQ(rows[2].receptive_field, Dims{9});
  EXPECT_EQ(rows[3].receptive_field, Dims{10});
  EXPECT_EQ(rows[4].receptive_field, Dims{14});  // 10 + 2 * 2
  EXPECT_EQ(rows[5].receptive_field, Dims{18});  // two of these, 4 apart
  EXPECT_EQ(rows[6].receptive_field, Dims());
}

TEST(ReceptiveField, OfVolumesHasThreeAxes) {
  Sequential net(Conv3d({.out_channels = 2, .kernel = {2, 3, 5}}), MaxPool3d({.kernel = {1, 2, 2}}),
                 AvgPool3d({.kernel = 2}));
  const std::vector<SummaryRow> rows = summary_rows(net, {1, 1, 8, 12, 16});
  EXPECT_EQ(rows[0].receptive_field, (Dims{2, 3, 5}));
  EXPECT_EQ(rows[1].receptive_field, (Dims{2, 4, 6}));
  EXPECT_EQ(rows[2].receptive_field, (Dims{3, 6, 8}));
  EXPECT_THAT(summary(net, {1, 1, 8, 12, 16}), testing::HasSubstr("  3x6x8\n"));
}

struct WindowRow {
  const char* name;
  std::unique_ptr<Module> layer;
  Shape input, output;
  Window window;
};

std::vector<WindowRow> window_rows() {
  std::vector<WindowRow> rows;
  const auto add = [&](const char* name, auto layer, const Shape& input, const Shape& output, Window window) {
    rows.push_back({name, std::make_unique<decltype(layer)>(std::move(layer)), input, output, window});
  };
  add("convolution", Conv2d({.out_channels = 3, .kernel = 3, .stride = 2}), {1, 1, 7, 9}, {1, 3, 3, 4},
      {{3, 3}, {2, 2}, {}});
  add("mean", GlobalAvgPool2d(), {2, 3, 7, 5}, {2, 3, 1, 1}, {{7, 5}, {7, 5}, {}});
  add("adaptive", AdaptiveAvgPool2d({2, 3}), {2, 3, 7, 5}, {2, 3, 2, 3}, {{4, 3}, {7, 5}, {2, 3}});
  add("nearest", Upsample({.scale_factor = 2}), {1, 1, 4, 5}, {1, 1, 8, 10}, {{1, 1}, {4, 5}, {8, 10}});
  add("bilinear", Upsample({.size = {6, 3}, .mode = kBilinear}), {1, 1, 4, 5}, {1, 1, 6, 3},
      {{2, 2}, {4, 5}, {6, 3}});
  return rows;
}

TEST(ReceptiveField, OfALayerFollowsFromTheShapesOfTheCallAlone) {
  for (const auto& [name, layer, input, output, window] : window_rows()) {
    SCOPED_TRACE(name);
    for (const bool used : {false, true}) {
      if (used) {
        EXPECT_EQ((*layer)(zeros(input)).shape(), output);
        (*layer)(zeros({1, input[1], 16, 12}));  // what it saw last is of no matter
      }
      const Window found = layer->window(input, output);
      EXPECT_EQ(found.extent, window.extent);
      EXPECT_EQ(found.stride, window.stride);
      EXPECT_EQ(found.enlarged, window.enlarged);
    }
  }
  const Window elsewhere = GlobalAvgPool2d().window({1, 1, 16, 12}, {1, 1, 1, 1});
  EXPECT_EQ(elsewhere.extent, (Dims{16, 12}));
}

}  // namespace
}  // namespace dlengine::test

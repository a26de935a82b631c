// Options, messages and special behaviour of single layers.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "dlengine/core/autograd.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/ops/reduce.h"
#include "dlengine/layers/layers.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"

namespace dlengine::test {
namespace {

TEST(Linear, TakesEmptyBatchesAndAnyLeadingAxes) {
  Linear layer({.in_features = 3, .out_features = 2});
  EXPECT_EQ(layer(zeros({0, 3})).shape(), (Shape{0, 2}));
  EXPECT_EQ(layer(zeros({4, 1, 5, 3})).shape(), (Shape{4, 1, 5, 2}));
  EXPECT_EQ(layer(zeros({3})).shape(), (Shape{2}));
}

TEST(Linear, RefusesSizesThatMakeNoSense) {
  expect_throw<ValueError>([] { Linear({.in_features = 3}); },
                           {"Linear: need out_features >= 1", "got 0 and 3"});
  expect_throw<ValueError>([] { Linear({.in_features = -1, .out_features = 3}); }, {"got 3 and -1"});
  Linear layer({.out_features = 2});
  expect_throw<ShapeError>([&] { layer(scalar(1)); }, {"Linear(? -> 2): linear: need x [.., I], got []"});
  expect_throw<ShapeError>([&] { layer(zeros({2, 0})); }, {"Linear(? -> 2)", "no features"});
}

TEST(Linear, DescribesItself) {
  EXPECT_EQ(Linear({.in_features = 3, .out_features = 2}).description(), "3 -> 2");
  EXPECT_EQ(Linear({.out_features = 2, .bias = false}).description(), "? -> 2, no bias");
}

TEST(Conv2d, DescribesOnlyWhatIsUnusual) {
  EXPECT_EQ(Conv2d({.in_channels = 1, .out_channels = 32, .kernel = 3}).description(), "1 -> 32, kernel 3x3");
  EXPECT_EQ(Conv2d({.in_channels = 4,
                    .out_channels = 6,
                    .kernel = {3, 5},
                    .stride = 2,
                    .padding = {1, 2},
                    .dilation = 3,
                    .groups = 2,
                    .bias = false})
                .description(),
            "4 -> 6, kernel 3x5, stride 2x2, padding 1x2, dilation 3x3, groups 2, no bias");
}

TEST(Conv2d, RefusesOptionsThatMakeNoSense) {
  expect_throw<ValueError>([] { Conv2d({.kernel = 3}); }, {"Conv2d: need out_channels >= 1", "got 0 and 0"});
  expect_throw<ValueError>([] { Conv2d({.out_channels = 3}); },
                           {"Conv2d: need kernel", "got 0x0, 1x1 and 1x1"});
  expect_throw<ValueError>([] { Conv2d({.out_channels = 3, .kernel = 3, .stride = {1, 0}}); }, {"1x0"});
  expect_throw<ValueError>([] { Conv2d({.out_channels = 3, .kernel = 3, .padding = -1}); },
                           {"padding", "-1x-1"});
  expect_throw<ValueError>([] { Conv2d({.in_channels = 4, .out_channels = 3, .kernel = 1, .groups = 2}); },
                           {"Conv2d: need groups", "4", "3, got 2"});
  Conv2d grouped({.out_channels = 4, .kernel = 1, .groups = 2});
  expect_throw<ShapeError>([&] { grouped(zeros({1, 3, 2, 2})); }, {"Conv2d(? -> 4", "groups 2", "got 3"});
  expect_throw<ShapeError>([&] { grouped(zeros({3, 2, 2})); }, {"need images [N, C, H, W], got [3, 2, 2]"});
}

TEST(Conv2d, SamePaddingKeepsTheSize) {
  for (const Size2 kernel : {Size2(3), Size2(1, 5), Size2(7, 1)}) {
    for (const Size2 dilation : {Size2(1), Size2(2, 3)}) {
      Conv2d layer({.out_channels = 1,
                    .kernel = kernel,
                    .padding = same_padding(kernel, dilation),
                    .dilation = dilation});
      EXPECT_EQ(layer(zeros({1, 1, 9, 8})).shape(), (Shape{1, 1, 9, 8}));
    }
  }
  EXPECT_EQ(same_padding(2, 2), Size2(1));
  expect_throw<ValueError>([] { same_padding({2, 3}); }, {"same_padding: kernel 2x3"});
}

TEST(Pooling, DropsPixelsThatDoNotFillAWindow) {
  EXPECT_EQ(MaxPool2d({.kernel = 2})(zeros({1, 2, 5, 7})).shape(), (Shape{1, 2, 2, 3}));
  EXPECT_EQ(AvgPool2d({.kernel = 2, .stride = 1})(zeros({1, 2, 5, 7})).shape(), (Shape{1, 2, 4, 6}));
  EXPECT_EQ(GlobalAvgPool2d()(zeros({3, 2, 5, 7})).shape(), (Shape{3, 2, 1, 1}));
  EXPECT_EQ(MaxPool2d({.kernel = {2, 3}, .stride = 2, .padding = 1}).description(),
            "kernel 2x3, stride 2x2, padding 1x1");
}

TEST(Pooling, RefusesSizesThatMakeNoSense) {
  expect_throw<ValueError>([] { MaxPool2d({.kernel = 0}); }, {"MaxPool2d"});
  expect_throw<ValueError>([] { AvgPool2d({.kernel = 2, .padding = 2}); }, {"AvgPool2d"});
  MaxPool2d pool({.kernel = 4});
  expect_throw<ShapeError>([&] { pool(zeros({1, 1, 3, 3})); }, {"MaxPool2d(kernel 4x4)", "[1, 1, 3, 3]"});
}

TEST(BatchNorm, NormalisesInTrainingAndKeepsRunningStatistics) {
  for (const Device device : devices()) {
    BatchNorm1d norm({.momentum = 0.5});
    const Tensor x = from_vector(std::vector<double>{1, 3, 5, 7}, {4, 1}, device);
    const auto y = norm(x).to_vector<double>();
    EXPECT_NEAR(y[0], -3 / std::sqrt(5 + 1e-5), 1e-12);  // mean 4, variance 5
    EXPECT_NEAR(y[3], 3 / std::sqrt(5 + 1e-5), 1e-12);
    const NamedTensors buffers = norm.named_buffers();
    EXPECT_DOUBLE_EQ(buffers[0].second.item<double>(), 2);
    EXPECT_DOUBLE_EQ(buffers[1].second.item<double>(), 0.5 * 1 + 0.5 * 20.0 / 3);  // unbiased
    norm.eval();
    EXPECT_NEAR(norm(x).to_vector<double>()[0], (1 - 2) / std::sqrt(buffers[1].second.item<double>() + 1e-5),
                1e-12);
    EXPECT_DOUBLE_EQ(norm.named_buffers()[0].second.item<double>(), 2);
  }
}

TEST(BatchNorm, RefusesRanksOptionsAndSingleValues) {
  BatchNorm1d one({.num_features = 3});
  expect_throw<ShapeError>([&] { one(zeros({2, 3, 4, 4})); }, {"BatchNorm1d(3)", "[2, 3, 4, 4]"});
  expect_throw<ValueError>([&] { one(zeros({1, 3})); }, {"BatchNorm1d(3)"});
  BatchNorm2d two({.num_features = 3});
  expect_throw<ShapeError>([&] { two(zeros({2, 3})); }, {"BatchNorm2d(3)", "[2, 3]"});
  expect_throw<ShapeError>([&] { two(zeros({2, 4, 2, 2})); }, {"BatchNorm2d(3)"});
  expect_throw<ValueError>([] { BatchNorm1d({.momentum = 1.5}); }, {"0 <= momentum <= 1", "1.5"});
  expect_throw<ValueError>([] { BatchNorm1d({.eps = 0}); }, {"eps > 0"});
  EXPECT_EQ(BatchNorm2d({.num_features = 3, .eps = 0.001, .affine = false}).description(),
            "3, eps 0.001, not affine");
}

TEST(PReLU, LearnsItsSlopes) {
  PReLU layer({.num_parameters = 2, .init = 0.5});
  const Tensor x = tensor({{-1, 2}, {-3, -4}});
  expect_same(layer(x), NdArray({2, 2}, {-0.5, 2, -1.5, -2}));
  sum(layer(x)).backward();
  expect_same(layer.parameters()[0].grad(), {-4, -4});
  expect_throw<ValueError>([] { PReLU({.num_parameters = 0}); }, {"PReLU", "got 0"});
  expect_throw<ShapeError>([&] { layer(ones({2, 3})); }, {"PReLU(2 slopes)", "[3]"});
}

TEST(Activations, SayTheirNumbers) {
  EXPECT_EQ(LeakyReLU().description(), "slope 0.01");
  EXPECT_EQ(PReLU().description(), "1 slope");
  EXPECT_EQ(ELU(2).description(), "alpha 2");
  EXPECT_EQ(GELU(GeluForm::tanh).description(), "by tanh");
  EXPECT_EQ(GELU().description(), "");
  EXPECT_EQ(Softplus(3).description(), "beta 3");
  EXPECT_EQ(Hardtanh(-2, 0.5).description(), "-2 .. 0.5");
  expect_throw<ValueError>([] { Hardtanh(1, -1)(ones({1})); }, {"Hardtanh(1 .. -1)", "below high"});
  expect_throw<ValueError>([] { Softplus(-1)(ones({1})); }, {"Softplus(beta -1)", "got -1"});
}

TEST(Activations, StepAndIdentityDoWhatTheySay) {
  const Tensor x = tensor({-2, 0, 3});
  expect_same(Step()(x), {0, 0, 1});
  expect_same(Identity()(x), {-2, 0, 3});
  EXPECT_EQ(Identity()(x).storage(), x.storage());
}

TEST(Dropout, IsIdentityInEvaluationAndDrawsFromTheDefaultGenerator) {
  for (const Device device : devices()) {
    Dropout layer(0.25);
    const Tensor x = ones({100, 100}, DType::f32, device);
    manual_seed(6);
    const auto first = layer(x).to_vector<float>();
    const auto second = layer(x).to_vector<float>();
    EXPECT_NE(first, second);
    manual_seed(6);
    EXPECT_EQ(layer(x).to_vector<float>(), first);
    const auto kept = std::count(first.begin(), first.end(), 1 / 0.75f);
    EXPECT_EQ(kept + std::count(first.begin(), first.end(), 0.0f), 10000);
    EXPECT_NEAR(static_cast<double>(kept), 7500, 5 * std::sqrt(10000 * 0.25 * 0.75));  // 5 deviations
    layer.eval();
    const Generator::State before = default_generator().state();
    EXPECT_EQ(layer(x).to_vector<float>(), x.to_vector<float>());
    EXPECT_EQ(default_generator().state(), before);
  }
}

TEST(Dropout, RefusesSharesThatAreNone) {
  expect_throw<ValueError>([] { Dropout(1.5); }, {"Dropout: need 0 <= p <= 1, got 1.5"});
  expect_throw<ValueError>([] { Dropout(-0.1); }, {"got -0.1"});
  expect_throw<ValueError>([] { Dropout(std::nan("")); }, {"nan"});
}

TEST(Unflatten, IsTheWayBack) {
  const Tensor x = arange(0, 120).reshape({2, 3, 4, 5});
  EXPECT_EQ(Unflatten(1, {3, 4, 5})(Flatten()(x)).to_vector<float>(), x.to_vector<float>());
  EXPECT_EQ(Unflatten(1, {3, 4, 5})(Flatten()(x)).shape(), x.shape());
  EXPECT_EQ(Unflatten(-1, {-1, 2})(zeros({3, 8})).shape(), (Shape{3, 4, 2}));
  EXPECT_EQ(Unflatten(0, {2, 2})(zeros({4, 3})).shape(), (Shape{2, 2, 3}));
  EXPECT_EQ(Unflatten(1, {4, -1})(zeros({0, 8})).shape(), (Shape{0, 4, 2}));
  EXPECT_EQ(Unflatten(1, {0, -1})(zeros({2, 0})).shape(), (Shape{2, 0, 0}));
  expect_throw<ShapeError>(
      [] {
        Unflatten(1, {3, 3})(zeros({2, 8}));
      },
      {"Unflatten: axis 1 of [2, 8] does not become [3, 3]"});
  expect_throw<ShapeError>([] { Unflatten(1, {3, -1})(zeros({2, 8})); }, {"[2, 8]", "[3, -1]"});
  expect_throw<ShapeError>([] { Unflatten(2, {2, 2})(zeros({2, 4})); }, {"Unflatten", "2"});
  expect_throw<ValueError>([] { Unflatten(1, {-1, -1}); }, {"Unflatten", "[-1, -1]"});
  expect_throw<ValueError>([] { Unflatten(1, {2, -2}); }, {"Unflatten", "[2, -2]"});
}

TEST(Flatten, JoinsAllAxesFromItsStart) {
  EXPECT_EQ(Flatten()(zeros({2, 3, 4, 5})).shape(), (Shape{2, 60}));
  EXPECT_EQ(Flatten(2)(zeros({2, 3, 4, 5})).shape(), (Shape{2, 3, 20}));
  EXPECT_EQ(Flatten()(zeros({0, 3, 4})).shape(), (Shape{0, 12}));
  EXPECT_EQ(Flatten()(zeros({7, 5}).transpose(0, 1).unsqueeze(2)).shape(), (Shape{5, 7}));
}

TEST(Sequential, NamesLayersByNumberOrByHand) {
  Sequential net{ReLU()};
  net.add(Tanh()).add("last", Sigmoid());
  EXPECT_EQ(net.size(), 3u);
  EXPECT_EQ(net.modules()[3].path, "last");
  EXPECT_EQ(net[1].type_name(), "Tanh");
}

TEST(Sequential, RefusesBadNamesAndPositions) {
  Sequential net{ReLU()};
  expect_throw<ValueError>([&] { net.add("0", ReLU()); }, {"two layers named '0'"});
  expect_throw<ValueError>([&] { net.add("", ReLU()); }, {"must not be empty"});
  expect_throw<ValueError>([&] { net.add("a.b", ReLU()); }, {"a.b"});
  expect_throw<ValueError>([&] { net.add("none", std::unique_ptr<Module>()); }, {"'none' is null"});
  expect_throw<ValueError>([&] { net[1]; }, {"there are 1 layers, no number 1"});
}

TEST(Sequential, MovesAndIsIdentityWhenEmpty) {
  Sequential net(Sequential(Linear({.in_features = 2, .out_features = 1})));
  EXPECT_EQ(net.state()[0].first, "0.weight");  // one Sequential as the only argument is moved, not wrapped
  const Tensor weight = net.parameters()[0];
  Sequential moved = std::move(net);
  EXPECT_EQ(moved.parameters()[0].impl(), weight.impl());
  Sequential empty;
  const Tensor x = ones({2});
  EXPECT_EQ(empty(x).impl(), x.impl());
}

}  // namespace
}  // namespace dlengine::test

// Gradients of every layer against central differences, on shapes as they come.
#include <gtest/gtest.h>

#include "dlengine/core/factory.h"
#include "dlengine/core/ops/elementwise.h"
#include "dlengine/core/ops/reduce.h"
#include "tests/layers/layer_cases.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"

namespace dlengine::test {
namespace {

struct GradientCase {
  std::unique_ptr<Module> (*make)();
  Shape x;
};

std::unique_ptr<Module> dropout() { return std::make_unique<Dropout>(0.4); }
std::unique_ptr<Module> unflatten() { return std::make_unique<Unflatten>(1, Shape{2, 3}); }

const GradientCase kCases[] = {
    {make<Linear, LinearOptions{.out_features = 3}>, {1, 1}},
    {make<Linear, LinearOptions{.out_features = 1, .bias = false}>, {7}},
    {make<Linear, LinearOptions{.out_features = 2}>, {2, 1, 3, 5}},
    {make<Conv2d, Conv2dOptions{.out_channels = 1, .kernel = 1}>, {1, 1, 1, 1}},
    {make<Conv2d,
          Conv2dOptions{
              .out_channels = 4, .kernel = {1, 3}, .stride = {3, 2}, .padding = {0, 1}, .groups = 2}>,
     {2, 2, 4, 5}},
    {make<Conv2d, Conv2dOptions{.out_channels = 2, .kernel = 3, .padding = 2, .dilation = 2}>, {1, 3, 5, 5}},
    {make<MaxPool2d, Pool2dParams{.kernel = {1, 3}, .stride = 1}>, {1, 2, 3, 5}},
    {make<AvgPool2d, Pool2dParams{.kernel = 3, .stride = {1, 2}, .padding = 1}>, {1, 1, 4, 7}},
    {make<GlobalAvgPool2d>, {2, 1, 3, 1}},
    {make<BatchNorm1d>, {5, 2}},
    {make<BatchNorm1d>, {2, 3, 3}},
    {make<BatchNorm2d, BatchNormOptions{.affine = false}>, {2, 2, 1, 3}},
    {make<BatchNorm3d>, {2, 2, 1, 2, 3}},
    {make_layer_norm<4, 3>, {2, 4, 3}},
    {make_layer_norm<1>, {3, 1}},
    {make<GroupNorm, GroupNormOptions{.num_groups = 2}>, {2, 4, 3}},
    {make<InstanceNorm2d, InstanceNormOptions{.affine = true}>, {1, 2, 2, 3}},
    {make<Conv1d, Conv1dOptions{.out_channels = 2, .kernel = 1}>, {1, 1, 1}},
    {make<Conv1d, Conv1dOptions{.out_channels = 4, .kernel = 3, .stride = 2, .groups = 2}>, {2, 2, 7}},
    {make<Conv3d, Conv3dOptions{.out_channels = 2, .kernel = {2, 1, 3}, .padding = {1, 0, 1}}>,
     {1, 2, 3, 2, 3}},
    {make<ConvTranspose2d, ConvTranspose2dOptions{.out_channels = 2, .kernel = 3, .stride = 2, .padding = 1}>,
     {1, 3, 2, 3}},
    {make<ConvTranspose1d, ConvTranspose1dOptions{.out_channels = 2, .kernel = 2, .stride = 3}>, {1, 2, 3}},
    {make<MaxPool1d, Pool1dParams{.kernel = 3, .stride = 1, .padding = 1}>, {1, 2, 5}},
    {make<AvgPool1d, Pool1dParams{}>, {2, 1, 5}},
    {make<MaxPool3d, Pool3dParams{.kernel = 2, .stride = 1}>, {1, 1, 3, 2, 3}},
    {make<AvgPool3d, Pool3dParams{.kernel = {1, 2, 3}, .padding = {0, 1, 1}}>, {1, 2, 2, 3, 4}},
    {make<AdaptiveAvgPool2d, Size2{3, 2}>, {1, 2, 4, 5}},
    {make<Upsample, InterpolateParams{.scale_factor = 2}>, {1, 2, 2, 3}},
    {make<Upsample, InterpolateParams{.size = {3, 5}, .mode = InterpolateMode::bilinear}>, {1, 2, 2, 3}},
    {make<FromChannelsLast>, {1, 2, 3, 2}},
    {make<Sigmoid>, {3, 1}},
    {make<Tanh>, {}},
    {make<LeakyReLU, -0.5>, {3, 2}},
    {make<PReLU>, {7}},
    {make<PReLU, PReLUOptions{.num_parameters = 2, .init = -0.5}>, {3, 2, 2}},
    {make<ELU, 2.0>, {5}},
    {make<SELU>, {2, 3}},
    {make<GELU>, {4, 2}},
    {make<GELU, GeluForm::tanh>, {1, 6}},
    {make<SiLU>, {3, 3}},
    {make<Softplus, 3.0>, {2, 2, 2}},
    {make<Mish>, {6}},
    {make<Softsign>, {3, 1}},
    {make<LogSigmoid>, {}},
    {make<Hardtanh, -0.7, 0.4>, {4, 4}},
    {make<Hardswish>, {2, 5}},
    {make<LogSoftmax, 0>, {3, 2}},
    {make<Softmax, 0>, {4, 3}},
    {make<Flatten, 2>, {2, 3, 2, 2}},
    {unflatten, {2, 6, 2}},
    {dropout, {5, 5}},
    {make<RNN, RecurrentOptions{.hidden_size = 2}>, {1, 1, 1}},
    {make<RNN, RecurrentOptions{.hidden_size = 2, .num_layers = 2, .return_sequences = false}>, {2, 3, 2}},
    {make<LSTM, RecurrentOptions{.hidden_size = 2, .num_layers = 2, .dropout = 0.4, .bidirectional = true}>,
     {2, 3, 2}},
    {make<LSTM, RecurrentOptions{.hidden_size = 3, .bias = false, .batch_first = false}>, {4, 1, 2}},
    {make<GRU, RecurrentOptions{.hidden_size = 2, .bidirectional = true, .return_sequences = false}>,
     {3, 2, 2}},
    {make<GRU, RecurrentOptions{.hidden_size = 3}>, {1, 5, 1}},
    {make_network, {2, 1, 6, 6}},
};

TEST(Gradients, OfEveryLayerMatchCentralDifferences) {
  for (const Device device : devices()) {
    for (const GradientCase& row : kCases) {
      const std::unique_ptr<Module> layer = row.make();
      SCOPED_TRACE(to_string(device) + " " + std::string(layer->type_name()) + " " + to_string(row.x));
      layer->to(device);
      layer->to(DType::f64);
      manual_seed(5);
      for (const bool training : {true, false}) {
        layer->train(training);
        Tensor x = randn(row.x, 0, 1, DType::f64, device).set_requires_grad();
        EXPECT_TRUE(gradcheck(*layer, x).passed);
      }
    }
  }
}

TEST(Gradients, AreCheckedThroughTransposedInputs) {
  Linear layer({.out_features = 2});
  const Tensor x = randn({3, 4}, 0, 1, DType::f64).set_requires_grad();
  const auto f = [&](const std::vector<Tensor>& inputs) { return layer(inputs[0].transpose(0, 1)); };
  EXPECT_TRUE(gradcheck(f, {x}).passed);
}

// A layer whose backward pass is wrong: its gradient is that of 2x, its value x^2.
class WrongLayer final : public Module {
 public:
  std::string_view type_name() const override { return "WrongLayer"; }
  Tensor forward(const Tensor& x) override { return square(x).detach() + x * 2.0 - (x * 2.0).detach(); }
};

TEST(Gradients, OfAWrongLayerAreFound) {
  WrongLayer layer;
  const Tensor x = full({2}, 3, DType::f64).set_requires_grad();
  expect_throw<ValueError>([&] { gradcheck(layer, x); },
                           {"gradcheck: input 0", "the tape gives", "central differences"});
  EXPECT_FALSE(gradcheck(layer, x, {.throw_on_failure = false}).passed);
}

TEST(Gradients, CheckLeavesTheModuleAsItWas) {
  Sequential net(BatchNorm1d(), Linear({.out_features = 2}), Dropout(0.5));
  const Tensor x = randn({4, 3}, 0, 1, DType::f64);
  net.infer_shapes(x.shape(), DType::f64);
  std::vector<std::vector<double>> before;
  for (const auto& [name, tensor] : net.state()) before.push_back(tensor.to_vector<double>());
  const std::vector<Tensor> handles = net.parameters();
  gradcheck(net, x);
  std::vector<std::vector<double>> after;
  for (const auto& [name, tensor] : net.state()) after.push_back(tensor.to_vector<double>());
  EXPECT_EQ(before, after);
  EXPECT_EQ(net.parameters()[0].impl(), handles[0].impl());
  EXPECT_TRUE(net.training());
}

}  // namespace
}  // namespace dlengine::test

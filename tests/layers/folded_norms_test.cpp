// Batch norms folded into the layers before them give what both layers give one after the other.
#include "dlengine/layers/folded_norms.h"

#include <gtest/gtest.h>

#include <functional>

#include "dlengine/core/autograd.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/ops.h"
#include "dlengine/core/random.h"
#include "dlengine/layers/layers.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"

namespace dlengine::test {
namespace {

Conv2d conv(int64_t in, int64_t out, bool bias = true) {
  return Conv2d({.in_channels = in, .out_channels = out, .kernel = 3, .bias = bias});
}
Linear linear_layer(int64_t in, int64_t out, bool bias = true) {
  return Linear({.in_features = in, .out_features = out, .bias = bias});
}
BatchNorm2d norm2d(int64_t channels, bool affine = true) {
  return BatchNorm2d({.num_features = channels, .eps = 1e-3, .affine = affine});
}
BatchNorm1d norm1d(int64_t channels) { return BatchNorm1d({.num_features = channels}); }

struct Network {
  const char* name;
  std::function<Sequential()> make;
  Shape input;
  size_t folds;
  int64_t terms;  // of the longest sum
};

const Network kNetworks[] = {
    {"conv", [] { return Sequential(conv(3, 5), norm2d(5)); }, {2, 3, 6, 5}, 1, 27},
    {"conv_relu", [] { return Sequential(conv(3, 5), norm2d(5), ReLU(), Flatten()); }, {2, 3, 6, 5}, 1, 27},
    {"conv_relu_pool",
     [] { return Sequential(conv(3, 5), norm2d(5), ReLU(), MaxPool2d({.kernel = 2})); },
     {2, 3, 6, 6},
     1,
     27},
    {"no_bias", [] { return Sequential(conv(16, 32, false), norm2d(32)); }, {1, 16, 9, 9}, 1, 144},
    {"not_affine", [] { return Sequential(conv(3, 4), norm2d(4, false)); }, {2, 3, 6, 5}, 1, 27},
    {"grouped",
     [] {
       return Sequential(Conv2d({.in_channels = 4, .out_channels = 6, .kernel = 2, .stride = 2, .groups = 2}),
                         norm2d(6));
     },
     {2, 4, 6, 6},
     1,
     8},
    {"linear",
     [] { return Sequential(linear_layer(7, 4), norm1d(4), ReLU(), linear_layer(4, 3)); },
     {5, 7},
     1,
     7},
    {"linear_no_bias", [] { return Sequential(linear_layer(7, 4, false), norm1d(4)); }, {5, 7}, 1, 7},
    {"nested",
     [] {
       return Sequential(Sequential(conv(3, 5), norm2d(5), ReLU()), Sequential(conv(5, 4), norm2d(4)),
                         Flatten(), Sequential(linear_layer(16, 6), norm1d(6)));
     },
     {3, 3, 6, 6},
     3,
     45},
    {"relu_between", [] { return Sequential(conv(3, 5), ReLU(), norm2d(5)); }, {2, 3, 6, 5}, 0, 27},
    {"norm_first", [] { return Sequential(norm2d(3), conv(3, 5), ReLU()); }, {2, 3, 6, 5}, 0, 27},
    {"two_norms", [] { return Sequential(conv(3, 5), norm2d(5), norm2d(5)); }, {2, 3, 6, 5}, 1, 27},
    // Here the norm's channels are not the outputs of the linear layer: both run.
    {"sequence", [] { return Sequential(linear_layer(7, 4), norm1d(4)); }, {3, 4, 7}, 1, 7},
};

/// Statistics, scales and shifts unlike those of a new network.
void randomise(Sequential& net, Generator& random) {
  const NoGrad no_grad;
  const auto draw = [&](Tensor& tensor, double low, double high) {
    tensor.copy_(rand(tensor.shape(), low, high, DType::f64, kCpu, random));
  };
  for (auto& [name, tensor] : net.state()) {
    if (name.ends_with("running_var")) draw(tensor, 0.2, 2);
    if (name.ends_with("running_mean")) draw(tensor, -1, 1);
    if (tensor.rank() == 1 && name.ends_with("weight")) draw(tensor, -2, 2);
    if (name.ends_with("bias")) draw(tensor, -1, 1);
  }
}

struct Model {
  Sequential net;
  Tensor x;

  Model(const Network& network, DType dtype, Device device) : net(network.make()) {
    Generator random(4);
    randomise(net, random);
    net.to(dtype);
    net.to(device);
    net.eval();
    x = randn(network.input, 0, 1, dtype, device, random);
  }
  NdArray usual() {
    const NoGrad no_grad;
    return to_ndarray(net(x));
  }
  Tensor folded(const FoldedNorms& folded) {
    const NoGrad no_grad;
    const FoldedNorms::Use use(folded);
    return net(x);
  }
};

Tolerance tolerance_for(const Network& network, DType dtype) {
  return tolerance(dtype, {.terms = double(network.terms), .roundings = 4, .magnitude = 16});
}

TEST(FoldedNorms, GiveTheSameAsBothLayers) {
  for (const Device device : devices()) {
    for (const DType dtype : {DType::f32, DType::f64}) {
      for (const Network& network : kNetworks) {
        SCOPED_TRACE(std::string(network.name) + " in " + std::string(name(dtype)) + " on " +
                     to_string(device));
        Model model(network, dtype, device);
        const NdArray usual = model.usual();
        const FoldedNorms folded(model.net);
        EXPECT_EQ(folded.size(), network.folds);
        expect_close(model.folded(folded), usual, tolerance_for(network, dtype));
        expect_same(Tensor(model.net(model.x)).detach(), usual);  // the model is left as it was
      }
    }
  }
}

TEST(FoldedNorms, FollowEveryTensorOfThePair) {
  const Network& network = kNetworks[0];
  for (const Device device : devices()) {
    Model model(network, DType::f32, device);
    FoldedNorms folded(model.net);
    for (auto& [name, tensor] : model.net.state()) {
      SCOPED_TRACE(name + " on " + to_string(device));
      const NdArray before = model.usual();
      {
        const NoGrad no_grad;
        tensor.copy_(tensor * 1.5 + 0.25);
      }
      ASSERT_NE(before.values, model.usual().values);
      expect_close(model.folded(folded), before, tolerance_for(network, DType::f32));
      folded.update();
      expect_close(model.folded(folded), model.usual(), tolerance_for(network, DType::f32));
    }
  }
}

TEST(FoldedNorms, FollowTensorsToOtherMemory) {
  const Network& network = kNetworks[0];
  Model model(network, DType::f32, kCpu);
  FoldedNorms folded(model.net);
  const void* const place = folded.tensors()[0].raw();
  folded.update();
  EXPECT_EQ(folded.tensors()[0].raw(), place);
  model.net.to(DType::f64);
  model.x = model.x.to(DType::f64);
  folded.update();
  EXPECT_EQ(folded.tensors()[0].dtype(), DType::f64);
  expect_close(model.folded(folded), model.usual(), tolerance_for(network, DType::f64));
}

TEST(FoldedNorms, AreForTypesInWhichWeightsKeepTheirPrecision) {
  for (const DType dtype : {DType::f16, DType::bf16}) {
    Model model(kNetworks[0], dtype, kCpu);
    EXPECT_EQ(FoldedNorms(model.net).size(), 0u);
  }
}

TEST(FoldedNorms, LeaveLayersThatShareWeightsApart) {
  Sequential net(linear_layer(4, 4), norm1d(4), linear_layer(4, 4), norm1d(4));
  net[2].load_state(net[0].state());
  Generator random(4);
  randomise(net, random);
  struct Tie final : ModuleVisitor {
    Tensor weight;
    void parameter(std::string_view name, Tensor& tensor) override {
      if (name != "weight") return;
      if (!weight.defined()) weight = tensor;
      tensor = weight;
    }
    void buffer(std::string_view, Tensor&) override {}
    void child(std::string_view, Module&) override {}
  } tie;
  net[0].visit(tie);
  net[2].visit(tie);
  net.eval();
  const NoGrad no_grad;
  const Tensor x = randn({3, 4}, 0, 1, DType::f32, kCpu, random);
  const NdArray usual = to_ndarray(net(x));
  const FoldedNorms folded(net);
  const FoldedNorms::Use use(folded);
  expect_close(net(x), usual, tolerance(DType::f32, {.terms = 8, .roundings = 4, .magnitude = 16}));
}

TEST(FoldedNorms, AreStillSeenByObservers) {
  struct Types final : ForwardObserver {
    std::vector<std::string> seen;
    void called(Module& module, const Shape&, const Shape& output) override {
      seen.push_back(std::string(module.type_name()) + to_string(output));
    }
  };
  Model model(kNetworks[1], DType::f32, kCpu);
  Types usual;
  model.usual();
  Types with_folds;
  model.folded(FoldedNorms(model.net));
  EXPECT_EQ(with_folds.seen.size(), 5u);
  EXPECT_EQ(with_folds.seen, usual.seen);
}

TEST(FoldedNorms, SizesThatDoNotFitAreTheModelsError) {
  Sequential net(conv(3, 5), norm2d(4));
  net.eval();
  const FoldedNorms folded(net);
  EXPECT_EQ(folded.size(), 0u);
  const FoldedNorms::Use use(folded);
  expect_throw<ShapeError>([&] { net(zeros({1, 3, 6, 6})); }, {"layer 1", "BatchNorm2d", "[4]"});
}

}  // namespace
}  // namespace dlengine::test

// Layers in a row that are computed as one give the bits of layers that are called one by one.
#include <gtest/gtest.h>

#include "dlengine/core/factory.h"
#include "dlengine/core/ops.h"
#include "dlengine/core/random.h"
#include "dlengine/layers/layers.h"
#include "tests/support/devices.h"

namespace dlengine::test {
namespace {

struct Network {
  const char* name;
  Sequential (*make)();
  Shape input;
};

const Network kNetworks[] = {
    {"mlp",
     [] {
       return Sequential(Linear({.in_features = 5, .out_features = 7}), ReLU(),
                         Linear({.in_features = 7, .out_features = 3}));
     },
     {4, 5}},
    {"cnn",
     [] {
       return Sequential(Conv2d({.in_channels = 1, .out_channels = 6, .kernel = 3}), ReLU(),
                         MaxPool2d({.kernel = 2}), Conv2d({.in_channels = 6, .out_channels = 4, .kernel = 3}),
                         BatchNorm2d({.num_features = 4}), ReLU(), Flatten(),
                         Linear({.in_features = 16, .out_features = 3}), ReLU());
     },
     {3, 1, 10, 10}},
    {"cnn_with_dropout",
     [] {
       return Sequential(
           Conv2d({.in_channels = 1, .out_channels = 20, .kernel = 3}), ReLU(), MaxPool2d({.kernel = 2}),
           Dropout(0.25), Dropout(0.5), Conv2d({.in_channels = 20, .out_channels = 6, .kernel = 2}),
           MaxPool2d({.kernel = 2, .stride = 1}), ReLU(), Dropout(0.5), Flatten(),
           Linear({.out_features = 9}), ReLU(), Dropout(0.5), Linear({.out_features = 3}), Dropout(0.1));
     },
     {3, 1, 10, 10}},
    {"dropout_of_all_and_of_nothing",
     [] {
       return Sequential(Linear({.out_features = 7}), ReLU(), Dropout(0), Linear({.out_features = 9}), ReLU(),
                         Dropout(1), Linear({.out_features = 8}), ReLU(), Dropout(0.5));
     },
     {4, 5}},
    {"dropout_first", [] { return Sequential(Dropout(0.5), ReLU(), Dropout(0.5)); }, {4, 5}},
    {"relu_first", [] { return Sequential(ReLU(), Linear({.in_features = 5, .out_features = 2})); }, {2, 5}},
    {"relu_before_pooling_first", [] { return Sequential(ReLU(), MaxPool2d({.kernel = 2})); }, {2, 3, 4, 4}},
    {"pooling_between_two",
     [] { return Sequential(ReLU(), MaxPool2d({.kernel = 2}), ReLU(), ReLU(), Flatten()); },
     {2, 3, 4, 4}},
};

/// The result, and the gradients of the input and of all parameters.
std::vector<std::vector<float>> outcome(const Network& network, Device device, bool training,
                                        bool one_by_one) {
  manual_seed(5);
  Sequential net = network.make();
  net.train(training);
  net.to(device);
  Generator random(6);
  const Tensor x = randn(network.input, 0, 1, DType::f32, kCpu, random).to(device).set_requires_grad();
  Tensor y = x;
  if (one_by_one) {
    for (size_t i = 0; i < net.size(); ++i) y = net[i](y);
  } else {
    y = net(x);
  }
  y.backward(randn(y.shape(), 0, 1, DType::f32, kCpu, random).to(device));
  std::vector<std::vector<float>> values = {y.to_vector<float>(), x.grad().to_vector<float>()};
  for (const Tensor& parameter : net.parameters()) values.push_back(parameter.grad().to_vector<float>());
  values.push_back({static_cast<float>(default_generator().state().next_stream)});
  return values;
}

TEST(Fusion, GivesTheBitsOfLayersOneByOne) {
  for (const Device device : devices()) {
    for (const Network& network : kNetworks) {
      SCOPED_TRACE(std::string(network.name) + " on " + to_string(device));
      EXPECT_EQ(outcome(network, device, true, false), outcome(network, device, true, true));
      EXPECT_EQ(outcome(network, device, false, false), outcome(network, device, false, true));
    }
  }
}

TEST(Fusion, TheSummaryStillHasEveryLayer) {
  Sequential net = kNetworks[1].make();
  std::vector<std::string> types;
  for (const SummaryRow& row : summary_rows(net, {1, 1, 10, 10})) types.push_back(row.type);
  EXPECT_EQ(types, (std::vector<std::string>{"Conv2d", "ReLU", "MaxPool2d", "Conv2d", "BatchNorm2d", "ReLU",
                                             "Flatten", "Linear", "ReLU"}));
}

}  // namespace
}  // namespace dlengine::test

// The networks that the training benchmark times.
#include "bench/workloads.h"

#include "dlengine/core/error.h"
#include "dlengine/layers/layers.h"
#include "dlengine/optim/optim.h"

namespace dlengine::bench {

namespace {

Sequential mlp(int64_t inputs, int64_t hidden) {
  return Sequential(Linear({.in_features = inputs, .out_features = hidden}), ReLU(),
                    Linear({.in_features = hidden, .out_features = 10}));
}

Sequential mnist_cnn() {
  return Sequential(Conv2d({.in_channels = 1, .out_channels = 32, .kernel = 3}), ReLU(),
                    Conv2d({.in_channels = 32, .out_channels = 64, .kernel = 3}), ReLU(),
                    MaxPool2d({.kernel = 2}), Dropout(0.25), Flatten(),
                    Linear({.in_features = 9216, .out_features = 128}), ReLU(), Dropout(0.5),
                    Linear({.in_features = 128, .out_features = 10}));
}

Sequential lenet() {
  return Sequential(Conv2d({.in_channels = 1, .out_channels = 6, .kernel = 5, .padding = 2}), ReLU(),
                    MaxPool2d({.kernel = 2}), Conv2d({.in_channels = 6, .out_channels = 16, .kernel = 5}),
                    ReLU(), MaxPool2d({.kernel = 2}), Flatten(),
                    Linear({.in_features = 400, .out_features = 120}), ReLU(),
                    Linear({.in_features = 120, .out_features = 84}), ReLU(),
                    Linear({.in_features = 84, .out_features = 10}));
}

Sequential conv_bn_stack() {
  Sequential model;
  int64_t channels = 3;
  for (int64_t wider : {64, 128, 256}) {
    for (int block = 0; block < 2; ++block) {
      model.add(
          Conv2d({.in_channels = channels, .out_channels = wider, .kernel = 3, .padding = 1, .bias = false}));
      model.add(BatchNorm2d({.num_features = wider}));
      model.add(ReLU());
      channels = wider;
    }
    model.add(MaxPool2d({.kernel = 2}));
  }
  model.add(Flatten());
  model.add(Linear({.in_features = 4096, .out_features = 10}));
  return model;
}

std::unique_ptr<Optimizer> sgd() { return std::make_unique<SGD>(SgdOptions{.lr = 0.01, .momentum = 0.9}); }

std::unique_ptr<Optimizer> rmsprop() {
  return std::make_unique<RMSprop>(RmspropOptions{.lr = 1e-3, .rho = 0.9, .eps = 1e-7});
}

}  // namespace

Workload make_workload(const std::string& name, int64_t batch) {
  if (name == "W0") return {mlp(16, 16), rmsprop(), {batch, 16}};
  if (name == "W1") return {mlp(784, 512), rmsprop(), {batch, 784}};
  if (name == "W2") return {mnist_cnn(), std::make_unique<Adam>(AdamOptions{.lr = 1e-3}), {batch, 1, 28, 28}};
  if (name == "W3") return {lenet(), sgd(), {batch, 1, 28, 28}};
  if (name == "W4") return {conv_bn_stack(), sgd(), {batch, 3, 32, 32}};
  if (name == "W5") {
    Sequential model = mnist_cnn();
    model.add(LogSoftmax());
    return {std::move(model), nullptr, {batch, 1, 28, 28}};
  }
  throw ValueError("workload \"" + name + "\" is not one of W0 .. W6");
}  // NOLINT(clang-analyzer-cplusplus.NewDeleteLeaks): the analyzer loses sight of the optimizer in the braces

}  // namespace dlengine::bench

// The layers of the demos' networks.
#include "apps/networks.h"

#include <string>

#include "dlengine/core/check.h"
#include "dlengine/layers/layers.h"

namespace dlengine::apps {
namespace {

Sequential mnist_cnn(Init init) {
  Sequential net;
  net.add("conv1", Conv2d({.in_channels = 1, .out_channels = 32, .kernel = 3, .init = init}))
      .add("relu1", ReLU())
      .add("conv2", Conv2d({.in_channels = 32, .out_channels = 64, .kernel = 3, .init = init}))
      .add("relu2", ReLU())
      .add("pool", MaxPool2d({.kernel = 2}))
      .add("dropout1", Dropout(0.25))
      .add("flatten", Flatten())
      .add("fc1", Linear({.in_features = 64 * 12 * 12, .out_features = 128, .init = init}))
      .add("relu3", ReLU())
      .add("dropout2", Dropout(0.5))
      .add("fc2", Linear({.in_features = 128, .out_features = 10, .init = init}));
  return net;
}

Sequential mnist_mlp(Init init) {
  Sequential net;
  net.add("flatten", Flatten())
      .add("fc1", Linear({.in_features = 28 * 28, .out_features = 512, .init = init}))
      .add("relu", ReLU())
      .add("fc2", Linear({.in_features = 512, .out_features = 10, .init = init}));
  return net;
}

Sequential cifar_cnn(Init init) {
  Sequential net;
  net.add("normalize", Normalize({0.4914, 0.4822, 0.4465}, {0.2470, 0.2435, 0.2616}));  // of its training set
  int64_t channels = 3;
  for (const int64_t filters : {32, 64, 128}) {
    for (const char* half : {"a", "b"}) {
      const std::string name = std::to_string(filters) + half;
      net.add("conv" + name, Conv2d({.in_channels = channels,
                                     .out_channels = filters,
                                     .kernel = 3,
                                     .padding = 1,
                                     .bias = false,
                                     .init = init}))
          .add("norm" + name, BatchNorm2d({.num_features = filters}))
          .add("relu" + name, ReLU());
      channels = filters;
    }
    net.add("pool" + std::to_string(filters), MaxPool2d({.kernel = 2}))
        .add("dropout" + std::to_string(filters), Dropout(0.2));
  }
  net.add("flatten", Flatten())
      .add("fc", Linear({.in_features = 128 * 4 * 4, .out_features = 10, .init = init}));
  return net;
}

}  // namespace

Sequential make_network(std::string_view name, Init init) {
  if (name == "mnist_cnn") return mnist_cnn(init);
  if (name == "mnist_mlp") return mnist_mlp(init);
  if (name == "cifar_cnn") return cifar_cnn(init);
  fail<ValueError>("no network is called '{}': need mnist_cnn, mnist_mlp or cifar_cnn", name);
}

Shape image_shape(std::string_view network) {
  if (network == "cifar_cnn") return {1, 3, 32, 32};
  return {1, 1, 28, 28};
}

}  // namespace dlengine::apps

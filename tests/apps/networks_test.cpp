// The demos' networks learn alike on every device.
#include <gtest/gtest.h>

#include "apps/networks.h"
#include "dlengine/core/autograd.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/ops.h"
#include "dlengine/optim/adam.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"

namespace dlengine::apps {
namespace {

struct Trained {
  std::vector<double> losses;
  std::vector<Tensor> parameters;  // on the CPU
};

// Three steps with dropout; images, labels and the first weights are drawn on the CPU.
Trained train(const std::string& network, Device device, int64_t batch) {
  manual_seed(3);
  Sequential model = make_network(network);
  const Tensor images = rand({batch, 1, 28, 28});
  const Tensor labels = rand({batch}, 0, 10).to(DType::i64).to(device);
  model.to(device);
  const Tensor x = images.to(device);
  Adam optimizer({.lr = 1e-3});
  optimizer.attach(model.parameters());
  Trained trained;
  for (int step = 0; step < 3; ++step) {
    optimizer.zero_grad();
    const Tensor loss = cross_entropy(model(x), labels);
    loss.backward();
    optimizer.step();
    trained.losses.push_back(loss.item<double>());
  }
  for (const Tensor& parameter : model.parameters())
    trained.parameters.push_back(parameter.detach().to(kCpu));
  return trained;
}

TEST(Networks, LearnAlikeOnEveryDevice) {
  for (const std::string network : {"mnist_cnn", "mnist_mlp"}) {
    const Trained want = train(network, kCpu, 8);
    EXPECT_LT(want.losses[2], want.losses[0]);
    for (const Device device : test::accelerators()) {
      SCOPED_TRACE(network + " on " + to_string(device));
      const Trained got = train(network, device, 8);
      for (size_t step = 0; step < 3; ++step) EXPECT_NEAR(got.losses[step], want.losses[step], 1e-4);
      for (size_t i = 0; i < want.parameters.size(); ++i) {
        // Adam divides by the gradient's size, so where that is rounding alone a step may go the other way.
        const Tensor far = greater(abs(got.parameters[i] - want.parameters[i]), full({}, 1e-4));
        EXPECT_LT(sum(far.to(DType::f32)).item<float>(), 0.01f * static_cast<float>(far.numel()) + 1) << i;
      }
    }
  }
}

}  // namespace
}  // namespace dlengine::apps

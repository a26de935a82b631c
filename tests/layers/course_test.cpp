// The course's worked back-propagation example, with its numbers computed again: the printed new weights do
// not follow.
//
// Two inputs, two hidden units, one output, sigmoid everywhere, no biases; C = (y - 0.5)^2 / 2, one step with
// rate 1.
#include <gtest/gtest.h>

#include "dlengine/core/factory.h"
#include "dlengine/core/ops/elementwise.h"
#include "dlengine/layers/layers.h"
#include "dlengine/optim/sgd.h"
#include "tests/support/devices.h"

namespace dlengine::test {
namespace {

struct Example {
  explicit Example(Device device)
      : net(Linear({.out_features = 2, .bias = false}), Sigmoid(), Linear({.out_features = 1, .bias = false}),
            Sigmoid()),
        x(from_vector(std::vector<double>{0.35, 0.9}, {1, 2}, device)),
        target(full({1, 1}, 0.5, DType::f64, device)) {
    net.infer_shapes({1, 2}, DType::f64, device);
    net.load_state({{"0.weight", from_vector(std::vector<double>{0.1, 0.8, 0.4, 0.6}, {2, 2})},
                    {"2.weight", from_vector(std::vector<double>{0.3, 0.9}, {1, 2})}});
  }
  Tensor cost() { return 0.5 * MSELoss(Reduction::sum)(net(x), target); }

  Sequential net;
  Tensor x, target;
};

// Half of the last digit that is given.
constexpr double kSixDigits = 5e-7, kEightDigits = 5e-9;

TEST(CourseExample, ForwardValuesAndGradient) {
  for (const Device device : devices()) {
    Example example(device);
    EXPECT_NEAR(example.net(example.x).item<double>(), 0.690283, kSixDigits);
    const Tensor cost = example.cost();
    EXPECT_NEAR(cost.item<double>(), 0.018104, kSixDigits);
    cost.backward();
    EXPECT_NEAR(example.net.parameters()[1].grad().to_vector<double>()[0], 0.027674, kSixDigits);
  }
}

TEST(CourseExample, WeightsAfterOneStep) {
  for (const Device device : devices()) {
    Example example(device);
    SGD optimizer(example.net.parameters(), {.lr = 1});
    example.cost().backward();
    optimizer.step();
    const auto hidden = example.net.parameters()[0].to_vector<double>();
    const auto output = example.net.parameters()[1].to_vector<double>();
    const std::vector<double> expected = {0.09907093, 0.79761096, 0.39713992, 0.59264552};
    for (size_t i = 0; i < 4; ++i) EXPECT_NEAR(hidden[i], expected[i], kEightDigits);
    EXPECT_NEAR(output[0], 0.27232597, kEightDigits);
    EXPECT_NEAR(output[1], 0.87299836, kEightDigits);
    EXPECT_NEAR(example.net(example.x).item<double>(), 0.682019, kSixDigits);
  }
}

}  // namespace
}  // namespace dlengine::test

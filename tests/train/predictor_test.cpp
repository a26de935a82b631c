// The predictor agrees with the model in evaluation mode.
#include "dlengine/train/predictor.h"

#include <gtest/gtest.h>

#include "dlengine/core/autograd.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/ops.h"
#include "dlengine/core/random.h"
#include "dlengine/layers/layers.h"
#include "tests/support/devices.h"

namespace dlengine::test {
namespace {

Sequential network() {
  return Sequential(Conv2d({.in_channels = 3, .out_channels = 16, .kernel = 3}),
                    BatchNorm2d({.num_features = 16}), ReLU(), MaxPool2d({.kernel = 2}), Dropout(0.5),
                    Flatten(), Linear({.in_features = 144, .out_features = 5}), LogSoftmax());
}

TEST(Predictor, GivesTheModelsBits) {
  for (const Device device : devices()) {
    SCOPED_TRACE(to_string(device));
    manual_seed(2);
    Sequential model = network();
    Predictor predict(model, device);
    for (int i = 0; i < 12; ++i) {
      const Tensor x = randn({i % 2 ? 1 : 4, 3, 8, 8});
      const Tensor y = predict(x);
      EXPECT_EQ(y.device(), device);
      EXPECT_FALSE(y.requires_grad());
      const NoGrad no_grad;
      const EvaluationMode mode(model);
      EXPECT_EQ(y.to_vector<float>(), model(x.to(device)).to_vector<float>()) << "call " << i;
    }
    EXPECT_TRUE(model.training());
  }
}

TEST(Predictor, SeesNewWeights) {
  for (const Device device : devices()) {
    SCOPED_TRACE(to_string(device));
    Sequential model(Linear({.in_features = 2, .out_features = 1}));
    Predictor predict(model, device);
    const Tensor x = ones({1, 2});
    const NoGrad no_grad;
    for (int i = 0; i < 6; ++i) {
      for (Tensor parameter : model.parameters()) parameter.fill_(i);
      EXPECT_EQ(predict(x).item<float>(), float(3 * i));
    }
  }
}

/// Says nothing of being replayable.
class CountsCalls final : public Module {
 public:
  std::string_view type_name() const override { return "CountsCalls"; }
  Tensor forward(const Tensor& x) override { return x * double(++calls); }
  int calls = 0;
};

TEST(Predictor, CallsModulesThatAreNotReplayable) {
  CountsCalls model;
  Predictor predict(model);
  for (int i = 1; i < 7; ++i)
    EXPECT_EQ(predict(ones({2})).to_vector<float>(), std::vector<float>(2, float(i)));
}

}  // namespace
}  // namespace dlengine::test

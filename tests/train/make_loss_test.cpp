// Losses by name.
#include <gtest/gtest.h>

#include <cmath>

#include "dlengine/core/autograd.h"
#include "dlengine/core/ops.h"
#include "dlengine/train/make_loss.h"
#include "tests/golden/golden.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"
#include "tests/train/small_problem.h"

namespace dlengine::test {
namespace {

double value(const char* name, const Tensor& output, const Tensor& target, bool from_logits = false) {
  return make_loss(name, {.from_logits = from_logits})(output, target).item<double>();
}

TEST(MakeLoss, KnowsKerasNames) {
  const Tensor output = tensor({{3, 0}}), target = tensor({{1, 1}});
  EXPECT_EQ(value("mse", output, target), 2.5);
  EXPECT_EQ(value("mean_squared_error", output, target), 2.5);
  EXPECT_EQ(value("mae", output, target), 1.5);
  EXPECT_EQ(value("mean_absolute_error", output, target), 1.5);
  EXPECT_EQ(value("huber", output, target), 1);
  EXPECT_EQ(value("sum_of_squares", output, target), 2.5);
  EXPECT_EQ(value("hinge", output, target), 0.5);
  EXPECT_EQ(value("squared_hinge", output, target), 0.5);
}

TEST(MakeLoss, CrossEntropiesTakeProbabilitiesUnlessFromLogits) {
  const Tensor logits = tensor({{1, 3}}), p = softmax(logits), label = from_vector<int64_t>({0}, {1});
  const double want = std::log1p(std::exp(2.0));
  for (const char* name : {"categorical_crossentropy", "sparse_categorical_crossentropy"}) {
    EXPECT_NEAR(value(name, p, label), want, 1e-5);
    EXPECT_NEAR(value(name, p, one_hot(label, 2)), want, 1e-5);
    EXPECT_NEAR(value(name, logits, label, true), want, 1e-6);
  }
  EXPECT_NEAR(value("cross_entropy", logits, label), want, 1e-6);
  const Tensor yes = tensor({{1, 0}});
  EXPECT_NEAR(value("binary_crossentropy", sigmoid(logits), yes),
              value("binary_crossentropy", logits, yes, true), 1e-5);
  EXPECT_NEAR(value("kl_divergence", p, one_hot(label, 2)), want, 1e-5);
}

// Stored numbers of Keras: make_keras.py.
void expect_keras(const std::string& name, const std::string& stored, bool from_logits = false) {
  static const Golden golden("keras.safetensors");
  for (const Device device : devices()) {
    SCOPED_TRACE(stored + " " + to_string(device));
    const std::string prefix = "loss." + stored + ".";
    Tensor output = golden.at(prefix + "output").to(device).clone().set_requires_grad();
    const Tensor loss =
        make_loss(name, {.from_logits = from_logits})(output, golden.at(prefix + "target").to(device));
    loss.backward();
    const Tolerance few = tolerance(DType::f64, {.terms = 12, .roundings = 8, .magnitude = 8});
    expect_close(loss, to_ndarray(golden.at(prefix + "value")), few);
    expect_close(output.grad(), to_ndarray(golden.at(prefix + "slope")), few);
  }
}

TEST(MakeLoss, AgreesWithKeras) {
  for (const char* name :
       {"mse", "mae", "huber", "hinge", "squared_hinge", "kl_divergence", "binary_crossentropy",
        "categorical_crossentropy", "sparse_categorical_crossentropy"}) {
    expect_keras(name, name);
  }
  for (const char* name : {"hinge", "squared_hinge"}) expect_keras(name, std::string(name) + "_01");
  for (const char* name : {"kl_divergence", "binary_crossentropy", "categorical_crossentropy"}) {
    expect_keras(name, std::string(name) + "_ends");
  }
  for (const char* name :
       {"binary_crossentropy", "categorical_crossentropy", "sparse_categorical_crossentropy"}) {
    expect_keras(name, std::string(name) + "_logits", true);
  }
}

TEST(MakeLoss, KeepsSixteenBitProbabilitiesFromTheirEnds) {
  const Tensor p = tensor({{0, 1}}).to(DType::f16), t = tensor({{1, 0}});
  EXPECT_NEAR(value("binary_crossentropy", p, t), -std::log(1e-7), 0.2);
}

TEST(MakeLoss, MakesLossesThatCanBeReplayed) {
  for (const std::string_view name : loss_names()) EXPECT_TRUE(make_loss(name).replayable()) << name;
  EXPECT_TRUE(make_loss("cross_entropy").counts());
}

TEST(MakeLoss, ListsItsNames) {
  expect_throw<ValueError>([] { make_loss("mean_square"); },
                           {"mse, mean_squared_error", "not 'mean_square'"});
}

TEST(MakeLoss, TrainsAModelThatEndsInSoftmax) {
  manual_seed(1);
  Sequential net(Linear({.in_features = 2, .out_features = 3}), Softmax());
  Adam optimizer({.lr = 0.05});
  Trainer trainer(net, make_loss("sparse_categorical_crossentropy"), optimizer, quiet());
  const TensorDataset data = three_clouds();
  trainer.fit(data, {.epochs = 30, .batch_size = 10});
  EXPECT_GT(trainer.evaluate(data).accuracy, 0.9);
}

}  // namespace
}  // namespace dlengine::test

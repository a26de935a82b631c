// 50 steps of every optimizer, with a rate that changes, against PyTorch's and Keras's stored numbers.
#include <gtest/gtest.h>

#include <cmath>
#include <memory>

#include "dlengine/core/ops.h"
#include "dlengine/optim/optim.h"
#include "tests/golden/golden.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"

namespace dlengine::test {
namespace {

constexpr size_t kParameters = 3;
constexpr int64_t kSteps = 50;

struct OptimizerCase {
  const char* name;
  std::shared_ptr<Optimizer> optimizer;
};

template <typename Kind, typename Options>
OptimizerCase row(const char* name, const Options& options) {
  return {name, std::make_shared<Kind>(options)};
}

// As in make_golden.py; a fresh optimizer at each call.
std::vector<OptimizerCase> cases() {
  const Variant keras = Variant::keras;
  using S = SgdOptions;
  using R = RmspropOptions;
  using A = AdamOptions;
  return {
      row<SGD>("sgd", S{.lr = 0.05}),
      row<SGD>("sgd_momentum", S{.lr = 0.02, .momentum = 0.9}),
      row<SGD>("sgd_dampening", S{.lr = 0.02, .momentum = 0.8, .dampening = 0.3}),
      row<SGD>("sgd_nesterov", S{.lr = 0.02, .momentum = 0.9, .weight_decay = 0.1, .nesterov = true}),
      row<SGD>("sgd_decay", S{.lr = 0.05, .weight_decay = 0.2}),
      row<RMSprop>("rmsprop", R{}),
      row<RMSprop>("rmsprop_momentum", R{.rho = 0.9, .momentum = 0.5, .weight_decay = 0.1}),
      row<Adam>("adam", A{.lr = 0.01}),
      row<Adam>("adam_decay", A{.lr = 0.02, .beta1 = 0.8, .beta2 = 0.99, .weight_decay = 0.1}),
      row<Adam>("adamw", A{.lr = 0.02, .weight_decay = 0.1, .decoupled = true}),
      row<SGD>("keras_sgd", S{.lr = 0.05, .variant = keras}),
      row<SGD>("keras_momentum", S{.lr = 0.02, .momentum = 0.9, .variant = keras}),
      row<SGD>("keras_nesterov", S{.lr = 0.02, .momentum = 0.9, .nesterov = true, .variant = keras}),
      row<RMSprop>("keras_rmsprop", R{.variant = keras}),
      row<RMSprop>("keras_rmsprop_momentum", R{.lr = 0.01, .momentum = 0.5, .variant = keras}),
      row<Adam>("keras_adam", A{.lr = 0.01, .variant = keras}),
      row<Adam>("keras_adamw", A{.lr = 0.02, .weight_decay = 0.1, .decoupled = true, .variant = keras}),
  };
}

const Golden& golden() {
  static const Golden file("optim.safetensors");
  return file;
}

std::vector<Tensor> load(const std::string& name, DType dtype, Device device) {
  std::vector<Tensor> tensors;
  for (size_t i = 0; i < kParameters; ++i) {
    tensors.push_back(golden().at(name + "." + std::to_string(i)).to(dtype).to(device).clone());
  }
  return tensors;
}

// Minimises sum(curvature * (w - goal)^2); with sparse, parameter 1 has no gradient in every third step.
void expect_agreement(const std::string& name, Optimizer& optimizer, bool sparse, DType dtype,
                      Device device) {
  std::vector<Tensor> weights = load("start", dtype, device);
  const std::vector<Tensor> curvatures = load("curvature", dtype, device),
                            goals = load("goal", dtype, device);
  for (Tensor& w : weights) w.set_requires_grad();
  optimizer.attach(weights);
  const double base = optimizer.lr();
  for (int64_t step = 0; step < kSteps; ++step) {
    optimizer.set_lr(base * (1 + 0.5 * std::sin(static_cast<double>(step))));
    optimizer.zero_grad();
    for (size_t i = 0; i < kParameters; ++i) {
      if (sparse && i == 1 && step % 3 == 0) continue;
      sum(curvatures[i] * square(weights[i] - goals[i])).backward();
    }
    optimizer.step();
    if (golden().under(name + "." + std::to_string(step + 1) + ".").empty()) continue;
    SCOPED_TRACE("after step " + std::to_string(step + 1));
    for (size_t i = 0; i < kParameters; ++i) {
      const Tensor want = golden().at(name + "." + std::to_string(step + 1) + "." + std::to_string(i));
      // Each step rounds the weight and what it is updated by; goals are up to 2.
      const double terms = 2 * static_cast<double>(step + 1);
      expect_close(weights[i], to_ndarray(want),
                   tolerance(dtype, {.terms = terms, .roundings = 2, .magnitude = 2}));
    }
  }
  EXPECT_EQ(optimizer.step_count(), kSteps);
  optimizer.set_lr(base);
}

TEST(Optimizers, AgreeWithPyTorchAndKeras) {
  for (const Device device : devices()) {
    for (const DType dtype : {DType::f64, DType::f32}) {
      for (const OptimizerCase& row : cases()) {
        SCOPED_TRACE(std::string(row.name) + " " + std::string(name(dtype)) + " " + to_string(device));
        expect_agreement(row.name, *row.optimizer, false, dtype, device);
      }
    }
  }
}

TEST(Optimizers, AgreeWithPyTorchWhereGradientsAreMissing) {
  for (const Device device : devices()) {
    for (const OptimizerCase& row : cases()) {
      const std::string name = row.name;
      if (name.starts_with("keras")) continue;
      SCOPED_TRACE(name + " " + to_string(device));
      expect_agreement(name + "_sparse", *row.optimizer, true, DType::f64, device);
    }
  }
}

}  // namespace
}  // namespace dlengine::test

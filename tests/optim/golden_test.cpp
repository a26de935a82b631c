// 50 steps of every optimizer, with a rate that changes, against PyTorch's and Keras's stored numbers.
#include <gtest/gtest.h>

#include "tests/optim/golden_problem.h"

namespace dlengine::test {
namespace {

// As in make_golden.py; a fresh optimizer at each call.
std::vector<OptimizerCase> cases() {
  const Defaults keras = Defaults::keras;
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
      row<SGD>("keras_sgd", S{.lr = 0.05, .defaults = keras}),
      row<SGD>("keras_momentum", S{.lr = 0.02, .momentum = 0.9, .defaults = keras}),
      row<SGD>("keras_nesterov", S{.lr = 0.02, .momentum = 0.9, .nesterov = true, .defaults = keras}),
      row<RMSprop>("keras_rmsprop", R{.defaults = keras}),
      row<RMSprop>("keras_rmsprop_momentum", R{.lr = 0.01, .momentum = 0.5, .defaults = keras}),
      row<Adam>("keras_adam", A{.lr = 0.01, .defaults = keras}),
      row<Adam>("keras_adamw", A{.lr = 0.02, .weight_decay = 0.1, .decoupled = true, .defaults = keras}),
  };
}

const Golden& golden() {
  static const Golden file("optim.safetensors");
  return file;
}

TEST(Optimizers, AgreeWithPyTorchAndKeras) {
  for (const Device device : devices()) {
    for (const DType dtype : {DType::f64, DType::f32}) {
      for (const OptimizerCase& row : cases()) {
        SCOPED_TRACE(std::string(row.name) + " " + std::string(name(dtype)) + " " + to_string(device));
        expect_agreement(row.name, *row.optimizer, {.golden = golden(), .dtype = dtype, .device = device});
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
      for (const bool captured : {false, true}) {
        expect_agreement(name + "_sparse", *row.optimizer,
                         {.golden = golden(), .device = device, .sparse = true, .captured = captured});
      }
    }
  }
}

}  // namespace
}  // namespace dlengine::test

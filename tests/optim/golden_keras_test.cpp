// The same against Keras itself: make_keras.py.
#include <gtest/gtest.h>

#include "tests/optim/golden_problem.h"

namespace dlengine::test {
namespace {

std::vector<OptimizerCase> cases() {
  const Defaults keras = Defaults::keras;
  using S = SgdOptions;
  using R = RmspropOptions;
  return {
      row<SGD>("sgd_decay", S{.lr = 0.05, .weight_decay = 0.2, .decoupled = true, .defaults = keras}),
      row<SGD>("momentum_decay",
               S{.lr = 0.02, .momentum = 0.9, .weight_decay = 0.1, .decoupled = true, .defaults = keras}),
      row<SGD>("nesterov_decay", S{.lr = 0.02,
                                   .momentum = 0.9,
                                   .weight_decay = 0.1,
                                   .decoupled = true,
                                   .nesterov = true,
                                   .defaults = keras}),
      row<RMSprop>("rmsprop_decay", R{.weight_decay = 0.2, .decoupled = true, .defaults = keras}),
      row<RMSprop>("rmsprop_momentum_decay",
                   R{.lr = 0.01, .momentum = 0.5, .weight_decay = 0.1, .decoupled = true, .defaults = keras}),
      row<Lion>("lion", LionOptions{.defaults = keras}),
      row<Muon>("muon", MuonOptions{.defaults = keras}),
      row<Muon>("muon_options", MuonOptions{.lr = 0.02,
                                            .momentum = 0.8,
                                            .nesterov = false,
                                            .steps = 4,
                                            .weight_decay = 0.3,
                                            .adam_lr = 0.01,
                                            .beta1 = 0.8,
                                            .beta2 = 0.9,
                                            .eps = 1e-5,
                                            .defaults = keras}),
  };
}

TEST(KerasOptimizers, AgreeWithKeras) {
  static const Golden golden("keras.safetensors");
  for (const Device device : devices()) {
    for (const OptimizerCase& row : cases()) {
      for (const DType dtype : {DType::f64, DType::f32}) {
        for (const bool captured : {false, true}) {
          SCOPED_TRACE(std::string(row.name) + " " + std::string(name(dtype)) + " " + to_string(device) +
                       (captured ? " captured" : ""));
          expect_agreement(row.name, *row.optimizer,
                           {.golden = golden, .dtype = dtype, .device = device, .captured = captured});
        }
      }
    }
  }
}

}  // namespace
}  // namespace dlengine::test

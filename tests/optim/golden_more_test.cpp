// The same for the optimizers, clipping, groups and averages of make_optim_golden.py.
#include <gtest/gtest.h>

#include "tests/optim/golden_problem.h"

namespace dlengine::test {
namespace {

const Golden& golden() {
  static const Golden file("optim_more.safetensors");
  return file;
}

std::vector<OptimizerCase> torch_cases() {
  using G = AdagradOptions;
  using D = AdadeltaOptions;
  using X = AdamaxOptions;
  return {
      row<Adagrad>("adagrad", G{.lr = 0.1}),
      row<Adagrad>("adagrad_decay", G{.lr = 0.1, .lr_decay = 0.05, .start = 0.2, .weight_decay = 0.1}),
      row<Adadelta>("adadelta", D{}),
      row<Adadelta>("adadelta_decay", D{.lr = 0.3, .rho = 0.8, .eps = 1e-4, .weight_decay = 0.1}),
      row<Adamax>("adamax", X{.lr = 0.02}),
      row<Adamax>("adamax_decay", X{.lr = 0.02, .beta1 = 0.8, .beta2 = 0.9, .weight_decay = 0.1}),
  };
}

std::vector<OptimizerCase> other_cases() {
  const Defaults keras = Defaults::keras, textbook = Defaults::textbook;
  using S = SgdOptions;
  using N = NAdamOptions;
  return {
      row<Adagrad>("keras_adagrad", AdagradOptions{.lr = 0.1, .defaults = keras}),
      row<Adadelta>("keras_adadelta", AdadeltaOptions{.lr = 1, .defaults = keras}),
      row<Adamax>("keras_adamax", AdamaxOptions{.lr = 0.02, .defaults = keras}),
      row<Adamax>("keras_adamax_decay",
                  AdamaxOptions{.lr = 0.02, .weight_decay = 0.1, .decoupled = true, .defaults = keras}),
      row<NAdam>("keras_nadam", N{.lr = 0.02, .defaults = keras}),
      row<NAdam>("nadam", N{.lr = 0.02}),
      row<NAdam>("nadam_decay",
                 N{.lr = 0.02, .beta1 = 0.8, .beta2 = 0.99, .momentum_decay = 0.1, .weight_decay = 0.1}),
      row<SGD>("textbook_momentum", S{.lr = 0.02, .momentum = 0.9, .defaults = textbook}),
      row<SGD>("textbook_nesterov", S{.lr = 0.02, .momentum = 0.9, .nesterov = true, .defaults = textbook}),
      row<Adagrad>("textbook_adagrad", AdagradOptions{.lr = 0.1, .defaults = textbook}),
      row<RMSprop>("textbook_rmsprop", RmspropOptions{.defaults = textbook}),
      row<Adam>("textbook_adam", AdamOptions{.lr = 0.01, .defaults = textbook}),
      row<Lion>("lion", LionOptions{.lr = 0.02}),
      row<Lion>("lion_decay", LionOptions{.lr = 0.02, .beta1 = 0.8, .beta2 = 0.95, .weight_decay = 0.3}),
      row<Muon>("muon", MuonOptions{}),
      row<Muon>("muon_decay", MuonOptions{.weight_decay = 0.3, .adam_lr = 0.02}),
  };
}

void expect_all_agree(const std::vector<OptimizerCase>& cases) {
  for (const Device device : devices()) {
    for (const OptimizerCase& row : cases) {
      for (const DType dtype : {DType::f64, DType::f32}) {
        SCOPED_TRACE(std::string(row.name) + " " + std::string(name(dtype)) + " " + to_string(device));
        expect_agreement(row.name, *row.optimizer, {.golden = golden(), .dtype = dtype, .device = device});
      }
      for (const bool captured : {false, true}) {
        SCOPED_TRACE(std::string(row.name) + " with gradients missing, " + (captured ? "captured" : "eager"));
        expect_agreement(std::string(row.name) + "_sparse", *row.optimizer,
                         {.golden = golden(), .device = device, .sparse = true, .captured = captured});
      }
    }
  }
}

TEST(MoreOptimizers, AgreeWithPyTorch) { expect_all_agree(torch_cases()); }
TEST(MoreOptimizers, AgreeWithKerasTheTextbookAndThePapers) { expect_all_agree(other_cases()); }

TEST(Clipping, AgreesWithPyTorch) {
  for (const Device device : devices()) {
    for (const bool captured : {false, true}) {
      const GoldenRun run{.golden = golden(), .device = device, .sparse = true, .captured = captured};
      SGD by_norm({.lr = 0.02, .momentum = 0.9}), by_value({.lr = 0.02, .momentum = 0.9});
      by_norm.set_clipping({.norm = 1.5});
      by_value.set_clipping({.value = 0.4});
      expect_agreement("clip_norm_sparse", by_norm, run);
      expect_agreement("clip_value_sparse", by_value, run);
    }
  }
}

TEST(ParameterGroups, AgreeWithPyTorch) {
  for (const Device device : devices()) {
    for (const bool captured : {false, true}) {
      Adam optimizer({.lr = 0.02, .weight_decay = 0.2, .decoupled = true});
      GoldenRun run{.golden = golden(), .device = device, .sparse = true, .captured = captured};
      run.attach = [](Optimizer& adam, std::vector<Tensor>& weights) {
        adam.attach({{.parameters = {weights[0]}},
                     {.parameters = {weights[1], weights[2]}, .lr_factor = 0.5, .weight_decay = 0}});
      };
      expect_agreement("groups_sparse", optimizer, run);
    }
  }
}

TEST(AveragedWeights, AgreeWithPyTorch) {
  for (const Device device : devices()) {
    for (const bool captured : {false, true}) {
      Adam optimizer({.lr = 0.02});
      optimizer.average_weights(0.8);
      GoldenRun run{.golden = golden(), .device = device, .captured = captured};
      run.after_step = [&](const std::string& prefix) {
        SCOPED_TRACE("the average");
        {
          const AveragedWeights shown(optimizer);
          expect_weights(optimizer.parameters(), run, "ema_average", std::stoi(prefix));
        }
        expect_weights(optimizer.parameters(), run, "ema", std::stoi(prefix));
      };
      expect_agreement("ema", optimizer, run);
    }
  }
}

}  // namespace
}  // namespace dlengine::test

// Defaults, options, state and errors of the optimizers.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "dlengine/core/autograd.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/ops.h"
#include "dlengine/optim/optim.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"

namespace dlengine::test {
namespace {

// How far one weight falls in the first step under the gradient g.
double first_step(Optimizer& optimizer, double g) {
  Tensor w = full({1}, 0, DType::f64).set_requires_grad();
  optimizer.attach({w});
  sum(w * g).backward();
  optimizer.step();
  return -w.item<double>();
}

double first_step(Optimizer&& optimizer, double g) { return first_step(optimizer, g); }

TEST(Optimizers, HaveTheDefaultsOfTheirVariant) {
  const double g = 3e-4;  // small, so that eps and its place count
  const auto keras = Defaults::keras;
  EXPECT_DOUBLE_EQ(first_step(SGD(), g), 0.01 * g);
  EXPECT_DOUBLE_EQ(first_step(RMSprop(), g), 0.01 * g / (std::sqrt(0.01 * g * g) + 1e-8));
  EXPECT_DOUBLE_EQ(first_step(RMSprop({.defaults = keras}), g), 0.001 * g / std::sqrt(0.1 * g * g + 1e-7));
  EXPECT_DOUBLE_EQ(first_step(RMSprop({.defaults = Defaults::textbook}), g),
                   0.01 * g / (std::sqrt(0.01 * g * g) + 1e-7));
  EXPECT_DOUBLE_EQ(first_step(Adagrad(), g), 0.01 * g / (g + 1e-10));
  EXPECT_DOUBLE_EQ(first_step(Adagrad({.defaults = keras}), g), 0.001 * g / std::sqrt(0.1 + g * g + 1e-7));
  EXPECT_DOUBLE_EQ(first_step(Adagrad({.defaults = Defaults::textbook}), g), 0.01 * g / (g + 1e-7));
  EXPECT_DOUBLE_EQ(first_step(Adamax(), g), 0.002 * g / (g + 1e-8));
  EXPECT_DOUBLE_EQ(first_step(Adamax({.defaults = keras}), g), 0.001 * g / (g + 1e-7));
  EXPECT_DOUBLE_EQ(first_step(Lion(), g), 1e-4);
  EXPECT_DOUBLE_EQ(first_step(Adam(), g), 0.001 * g / (g + 1e-8));
  const double keras_rate = 0.001 * std::sqrt(1 - 0.999) / (1 - 0.9);
  EXPECT_NEAR(first_step(Adam({.defaults = keras}), g),
              keras_rate * 0.1 * g / (std::sqrt(0.001 * g * g) + 1e-7), 1e-15);
}

TEST(Optimizers, HaveTheDefaultRatesOfTheirVariant) {
  const auto rates = [](const char* name) {
    std::vector<double> result;
    for (const Defaults defaults : {Defaults::torch, Defaults::keras, Defaults::textbook}) {
      result.push_back(make_optimizer(name, {}, defaults)->lr());
    }
    return result;
  };
  using Rates = std::vector<double>;
  EXPECT_EQ(rates("sgd"), (Rates{0.01, 0.01, 0.01}));
  EXPECT_EQ(rates("rmsprop"), (Rates{0.01, 0.001, 0.01}));
  EXPECT_EQ(rates("adam"), (Rates{0.001, 0.001, 0.001}));
  EXPECT_EQ(rates("adagrad"), (Rates{0.01, 0.001, 0.01}));
  EXPECT_EQ(rates("adadelta"), (Rates{1, 0.001, 1}));
  EXPECT_EQ(rates("adamax"), (Rates{0.002, 0.001, 0.001}));
  EXPECT_EQ(rates("nadam"), (Rates{0.002, 0.001, 0.001}));
  EXPECT_EQ(rates("lion"), (Rates{1e-4, 1e-3, 1e-4}));
  EXPECT_EQ(rates("muon"), (Rates{0.02, 0.001, 0.02}));
}

TEST(MakeOptimizer, KnowsItsNames) {
  EXPECT_EQ(optimizer_names().size(), 12u);
  for (const Defaults defaults : {Defaults::torch, Defaults::keras, Defaults::textbook}) {
    for (const std::string_view name : optimizer_names()) {
      EXPECT_EQ(make_optimizer(name, 0.5, defaults)->lr(), 0.5) << name;
      EXPECT_FALSE(make_optimizer(name)->attached());
    }
  }
  EXPECT_EQ(make_optimizer("sgd")->lr(), 0.01);
  EXPECT_EQ(make_optimizer("rmsprop")->lr(), 0.01);
  EXPECT_EQ(make_optimizer("rmsprop", {}, Defaults::keras)->lr(), 0.001);
  EXPECT_EQ(make_optimizer("adamw")->type_name(), "AdamW");
  expect_throw<ValueError>([] { make_optimizer("adagrad2"); },
                           {"sgd, momentum, nesterov, rmsprop", "not 'adagrad2'"});
}

TEST(Optimizers, RefuseOptionsOutOfRange) {
  const auto keras = Defaults::keras;
  const double nan = std::numeric_limits<double>::quiet_NaN();
  expect_throw<ValueError>([] { SGD({.lr = -1}); }, {"learning rate >= 0, got -1"});
  expect_throw<ValueError>([&] { Adam({.lr = nan}); }, {"got nan"});
  expect_throw<ValueError>([] { SGD({.momentum = -0.1}); }, {"SGD: need momentum >= 0, got -0.1"});
  expect_throw<ValueError>([] { SGD({.nesterov = true}); }, {"nesterov needs momentum > 0"});
  expect_throw<ValueError>([] { SGD({.momentum = 0.9, .dampening = 0.1, .nesterov = true}); },
                           {"no dampening"});
  expect_throw<ValueError>([&] { SGD({.weight_decay = 0.1, .defaults = keras}); },
                           {"SGD: Keras's weight_decay is decoupled"});
  expect_throw<ValueError>([] { RMSprop({.rho = 1}); }, {"RMSprop: need 0 <= rho < 1"});
  expect_throw<ValueError>([] { RMSprop({.eps = -1}); }, {"eps >= 0"});
  expect_throw<ValueError>([] { RMSprop({.momentum = -1}); }, {"momentum >= 0"});
  expect_throw<ValueError>([] { SGD({.weight_decay = -1}); }, {"SGD: need weight_decay >= 0, got -1"});
  expect_throw<ValueError>([] { RMSprop({.weight_decay = -1}); },
                           {"RMSprop: need weight_decay >= 0, got -1"});
  expect_throw<ValueError>([&] { RMSprop({.weight_decay = 0.1, .defaults = keras}); },
                           {"set .decoupled = true"});
  expect_throw<ValueError>([] { Adam({.beta1 = 1}); }, {"Adam: need 0 <= beta1 < 1, got 1"});
  expect_throw<ValueError>([] { Adam({.eps = -1}); }, {"eps >= 0"});
  expect_throw<ValueError>([&] { Adam({.weight_decay = 0.1, .defaults = keras}); },
                           {"set .decoupled = true"});
  expect_throw<ValueError>([&] { SGD({.momentum = 0.9, .dampening = 0.1, .defaults = keras}); },
                           {"SGD: dampening"});
  expect_throw<ValueError>([] { Adagrad({.eps = -1}); }, {"Adagrad: need eps >= 0, got -1"});
  expect_throw<ValueError>([&] { Adagrad({.lr_decay = 0.1, .defaults = keras}); }, {"Adagrad: lr_decay is"});
  expect_throw<ValueError>([&] { Adagrad({.weight_decay = 0.1, .defaults = keras}); },
                           {"set .decoupled = true"});
  expect_throw<ValueError>([] { Adadelta({.rho = 1}); }, {"Adadelta: need 0 <= rho < 1, got 1"});
  expect_throw<ValueError>([] { Adamax({.beta2 = -1}); }, {"Adamax: need 0 <= beta2 < 1, got -1"});
  expect_throw<ValueError>([] { NAdam({.momentum_decay = -1}); }, {"NAdam: need momentum_decay >= 0"});
  expect_throw<ValueError>([] { Lion({.weight_decay = -1}); }, {"Lion: need weight_decay >= 0"});
  expect_throw<ValueError>([] { Muon({.momentum = 1}); }, {"Muon: need 0 <= momentum < 1"});
  expect_throw<ValueError>([] { Muon({.lr = 0}); }, {"Muon: need lr > 0"});
  const double infinity = std::numeric_limits<double>::infinity();
  expect_throw<ValueError>([&] { SGD({.momentum = infinity}); }, {"SGD: need momentum >= 0, got inf"});
  expect_throw<ValueError>([&] { SGD({.momentum = 0.9, .dampening = nan}); },
                           {"SGD: need a finite dampening, got nan"});
  expect_throw<ValueError>([&] { Adam({.weight_decay = infinity}); }, {"weight_decay >= 0, got inf"});
  expect_throw<ValueError>([&] { Muon({.adam_lr = infinity}); }, {"Muon: need adam_lr >= 0, got inf"});
}

// One step without decay from weights that were shrunk before, against a step with it.
void expect_decoupled(Optimizer& decayed, Optimizer& plain, double shrink, Device device) {
  std::vector<std::vector<double>> results;
  for (Optimizer* optimizer : {&decayed, &plain}) {
    Tensor w = from_vector(std::vector<double>{0.3, -2, 5}, {3}).to(device).set_requires_grad();
    optimizer->attach({w});
    for (int step = 0; step < 3; ++step) {
      optimizer->zero_grad();
      sum(square(w - 1.0)).backward();
      if (optimizer == &plain) {
        const NoGrad no_grad;
        w.copy_(w * shrink);
      }
      optimizer->step();
    }
    results.push_back(w.to_vector<double>());
  }
  EXPECT_EQ(results[0], results[1]);
}

template <typename Kind, typename Options>
void expect_decoupled(Options options) {
  for (const Device device : devices()) {
    for (const Defaults defaults : {Defaults::torch, Defaults::keras, Defaults::textbook}) {
      options.lr = 0.1;
      options.defaults = defaults;
      Options decayed = options;
      decayed.weight_decay = 0.5;
      decayed.decoupled = true;
      Kind with(decayed), without(options);
      SCOPED_TRACE(std::string(with.type_name()) + " " + std::to_string(int(defaults)));
      expect_decoupled(with, without, 1 - 0.1 * 0.5, device);
    }
  }
}

TEST(Optimizers, ShrinkWeightsByADecoupledDecay) {
  expect_decoupled<SGD>(SgdOptions{});
  expect_decoupled<SGD>(SgdOptions{.momentum = 0.9});
  expect_decoupled<SGD>(SgdOptions{.momentum = 0.9, .nesterov = true});
  expect_decoupled<RMSprop>(RmspropOptions{});
  expect_decoupled<RMSprop>(RmspropOptions{.momentum = 0.9});
  expect_decoupled<Adam>(AdamOptions{});
  expect_decoupled<Adagrad>(AdagradOptions{});
  expect_decoupled<Adadelta>(AdadeltaOptions{});
  expect_decoupled<Adamax>(AdamaxOptions{});
  expect_decoupled<NAdam>(NAdamOptions{});
}

TEST(Optimizers, UpdateEveryElementOfALongArenaOnce) {
  constexpr int64_t kCount =
      (int64_t{1} << 20) + 4 * 1024 + 3;  // more than the blocks of a launch take at once
  for (const Device device : devices()) {
    const Tensor numbers = arange(0, kCount).to(device);
    Tensor w = numbers.clone().set_requires_grad();
    SGD optimizer({.lr = 0.5});
    optimizer.attach({w});
    sum(w * 4.0).backward();
    optimizer.step();
    EXPECT_EQ(max(abs(w.detach() - (numbers - 2.0))).item<double>(), 0);
  }
}

TEST(Optimizers, NeedParametersToStep) {
  Adam optimizer;
  EXPECT_FALSE(optimizer.attached());
  expect_throw<ValueError>([&] { optimizer.step(); }, {"Adam: it has no parameters yet"});
  expect_throw<ValueError>([&] { optimizer.load_state({}); }, {"Adam: attach"});
  EXPECT_NO_THROW(optimizer.zero_grad());
}

// Two parameters pulled to a goal; the second has no gradient in odd steps.
class Problem {
 public:
  Problem(std::string_view name, Device device) : optimizer_(make_optimizer(name, 0.05)) {
    manual_seed(7);
    for (const Shape& shape : {Shape{3, 2}, Shape{5}}) {
      weights_.push_back(randn(shape, 0, 1, DType::f32, device).set_requires_grad());
    }
    optimizer_->attach(weights_);
  }
  void train(int first, int last) {
    for (int step = first; step < last; ++step) {
      optimizer_->zero_grad();
      sum(square(weights_[0] - 1.0)).backward();
      if (step % 2 == 0) sum(square(weights_[1] + 1.0)).backward();
      optimizer_->step();
    }
  }
  std::vector<std::vector<float>> values() const {
    return {weights_[0].to_vector<float>(), weights_[1].to_vector<float>()};
  }
  std::vector<Tensor>& weights() { return weights_; }
  Optimizer& optimizer() { return *optimizer_; }

 private:
  std::unique_ptr<Optimizer> optimizer_;
  std::vector<Tensor> weights_;
};

NamedTensors copies(const NamedTensors& tensors) {
  NamedTensors copied;
  for (const auto& [name, tensor] : tensors) copied.emplace_back(name, tensor.to(kCpu).clone());
  return copied;
}

TEST(Optimizers, ResumeBitByBit) {
  for (const Device device : devices()) {
    for (const std::string_view name : optimizer_names()) {
      SCOPED_TRACE(name);
      Problem whole(name, device), half(name, device), resumed(name, device);
      whole.train(0, 9);
      half.train(0, 4);
      resumed.train(0, 1);  // so that state must be overwritten
      resumed.optimizer().load_state(copies(half.optimizer().state()));
      for (size_t i = 0; i < 2; ++i) {
        const NoGrad no_grad;
        resumed.weights()[i].copy_(half.weights()[i]);
      }
      EXPECT_EQ(resumed.optimizer().step_count(), 4);
      resumed.train(4, 9);
      EXPECT_EQ(resumed.values(), whole.values());
    }
  }
}

TEST(Optimizers, NameTheirStateByParameter) {
  Problem problem("adam", kCpu);
  std::vector<std::string> names;
  for (const auto& [name, tensor] : problem.optimizer().state())
    names.push_back(name + to_string(tensor.shape()));
  EXPECT_EQ(names, (std::vector<std::string>{"0.exp_avg[3, 2]", "0.exp_avg_sq[3, 2]", "1.exp_avg[5]",
                                             "1.exp_avg_sq[5]", "updates[2]", "step_count[]"}));
  Problem plain("sgd", kCpu);
  EXPECT_EQ(plain.optimizer().state().size(), 2u);
}

TEST(Optimizers, RefuseStateThatDoesNotFitAndKeepTheirOwn) {
  Problem problem("adam", kCpu);
  problem.train(0, 2);
  const NamedTensors good = copies(problem.optimizer().state());
  const auto refused = [&]<typename E>(Type<E>, const NamedTensors& state, std::string_view text) {
    expect_throw<E>([&] { problem.optimizer().load_state(state); }, {"Adam", text});
  };
  NamedTensors state = good;
  state[0].first = "0.exp_average";
  refused(Type<ValueError>{}, state, "missing: [0.exp_avg], unexpected: [0.exp_average]");
  state = good;
  state.push_back(good[0]);
  refused(Type<ValueError>{}, state, "given twice: 1");
  state = good;
  state[0].second = zeros({2, 3});
  refused(Type<ShapeError>{}, state, "state 0.exp_avg is [3, 2], the values for it are [2, 3]");
  state = good;
  state[4].second = from_vector(std::vector<int64_t>{-1, 0}, {2});
  refused(Type<ValueError>{}, state, "-1 updates in 2 steps");
  const NamedTensors after = problem.optimizer().state();
  for (size_t i = 0; i < good.size(); ++i) {
    EXPECT_EQ(after[i].second.to_vector<double>(), good[i].second.to_vector<double>()) << good[i].first;
  }
}

TEST(Optimizers, CheckStateForParametersThatTheyDoNotHaveYet) {
  Problem problem("adam", kCpu);
  problem.train(0, 2);
  const NamedTensors state = problem.optimizer().state();
  Adam adam;
  adam.check_state(problem.weights(), state);
  EXPECT_FALSE(adam.attached());
  expect_throw<ValueError>([&] { adam.check_state({problem.weights()[0]}, state); },
                           {"unexpected: [1.exp_avg, 1.exp_avg_sq]"});
  expect_throw<ShapeError>(
      [&] {
        adam.check_state({problem.weights()[1], problem.weights()[0]}, state);
      },
      {"state 0.exp_avg is [5], the values for it are [3, 2]"});
  adam.average_weights(0.5);
  expect_throw<ValueError>([&] { adam.check_state(problem.weights(), state); },
                           {"missing: [0.average, 1.average]"});
}

// Adamax's largest gradient keeps a NaN, as its average of gradients does.
TEST(Optimizers, KeepANaNInTheirState) {
  for (const Device device : devices()) {
    for (const DType dtype : {DType::f32, DType::f64}) {
      Tensor w = ones({2}, dtype, device).set_requires_grad();
      Adamax adamax({w}, {.decoupled = true});  // else 0 times the weight is in the gradient, too
      for (const double factor : {1.0, std::numeric_limits<double>::quiet_NaN(), 1.0, 1.0}) {
        adamax.zero_grad();
        sum(w.slice(0, 0, 1) * factor + w.slice(0, 1, 2)).backward();
        adamax.step();
      }
      for (const auto& [name, tensor] : adamax.state()) {
        if (!name.starts_with("0.")) continue;
        const auto values = tensor.to_vector<double>();
        EXPECT_TRUE(std::isnan(values[0])) << name;
        EXPECT_TRUE(std::isfinite(values[1])) << name;
      }
    }
  }
}

TEST(Optimizers, ZeroGradForgetsGradientsButKeepsTheirMemory) {
  Problem problem("sgd", kCpu);
  problem.train(0, 1);
  const void* memory = problem.weights()[0].grad().raw();
  problem.optimizer().zero_grad();
  EXPECT_FALSE(problem.weights()[0].grad().defined());
  problem.train(1, 2);
  EXPECT_EQ(problem.weights()[0].grad().raw(), memory);
}

}  // namespace
}  // namespace dlengine::test

// Parameter groups, clipping and averages: how they divide the arena, what they refuse, and their state.
#include <gtest/gtest.h>

#include <cmath>

#include "dlengine/core/factory.h"
#include "dlengine/core/ops.h"
#include "dlengine/optim/optim.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"

namespace dlengine::test {
namespace {

Tensor parameter(const Shape& shape, double value = 1) { return full(shape, value).set_requires_grad(); }

// Records the rate factor and decay of what it updates.
class Recorder final : public Optimizer {
 public:
  explicit Recorder(bool decays = true) : Optimizer(1, decays ? 0.1 : 0, decays) {}
  std::string_view type_name() const override { return "Recorder"; }
  struct Seen {
    size_t first, last;
    double lr, weight_decay;
    bool operator==(const Seen&) const = default;
  };
  std::vector<Seen> seen;

 protected:
  std::vector<std::string> state_names() const override { return {}; }
  void update(Run& run) override {
    seen.push_back({run.first, run.last, run.clock.now().lr, run.weight_decay});
  }
};

void step(Optimizer& optimizer) {
  optimizer.zero_grad();
  for (const Tensor& w : optimizer.parameters()) sum(square(w)).backward();
  optimizer.step();
}

TEST(ParameterGroups, AreUpdatedInOneRunEach) {
  Recorder recorder;
  recorder.attach({{.parameters = {parameter({2}), parameter({3})}},
                   {.parameters = {parameter({4})}, .lr_factor = 0.5},
                   {.parameters = {parameter({5})}, .lr_factor = 0.5, .weight_decay = 0.1},
                   {.parameters = {parameter({6})}, .weight_decay = 0}});
  step(recorder);
  EXPECT_EQ(recorder.seen, (std::vector<Recorder::Seen>{{0, 2, 1, 0.1}, {2, 4, 0.5, 0.1}, {4, 5, 1, 0}}));
}

TEST(ParameterGroups, LeaveBiasesUndecayed) {
  const Tensor weight = parameter({2, 3}), bias = parameter({3}), filter = parameter({1, 1, 2, 2}),
               scale = parameter({});
  const auto groups = no_decay_on_vectors({weight, bias, filter, scale});
  ASSERT_EQ(groups.size(), 2u);
  EXPECT_EQ(groups[0].parameters.size(), 2u);
  EXPECT_EQ(groups[0].parameters[1].impl(), filter.impl());
  EXPECT_FALSE(groups[0].weight_decay.has_value());
  EXPECT_EQ(groups[1].parameters[1].impl(), scale.impl());
  EXPECT_EQ(groups[1].weight_decay, 0);
  EXPECT_EQ(no_decay_on_vectors({weight}).size(), 1u);
  EXPECT_EQ(no_decay_on_vectors({bias}).size(), 1u);
}

TEST(ParameterGroups, RefuseWhatMakesNoSense) {
  Recorder recorder, undecayed(false);
  const auto attach = [](Optimizer& optimizer, double factor, double decay) {
    optimizer.attach({{.parameters = {parameter({2})}, .lr_factor = factor, .weight_decay = decay}});
  };
  expect_throw<ValueError>([&] { attach(recorder, -1, 0); },
                           {"Recorder: need lr_factor and weight_decay >= 0", "-1"});
  expect_throw<ValueError>([&] { attach(recorder, 1, -2); }, {"got 1 and -2"});
  expect_throw<ValueError>(
      [&] { attach(undecayed, 1, 0.1); },
      {"weight_decay 0.1, this variant has none but decoupled decay; set .decoupled = true"});
  EXPECT_NO_THROW(attach(undecayed, 1, 0));
  Adam keras({.defaults = Defaults::keras});
  EXPECT_THROW(attach(keras, 1, 0.1), ValueError);
}

TEST(Clipping, LeavesTheGradientsAsTheyAre) {
  for (const Device device : devices()) {
    Tensor w = full({2}, 0, DType::f32, device).set_requires_grad();
    SGD optimizer({w}, {.lr = 1});
    optimizer.set_clipping({.norm = 1});
    sum(w * from_vector<float>({3, 4}, {2}, device)).backward();
    EXPECT_FLOAT_EQ(optimizer.gradient_norm().item<float>(), 5);
    optimizer.step();
    EXPECT_EQ(w.grad().to_vector<float>(), (std::vector<float>{3, 4}));
    EXPECT_NEAR(w.to_vector<float>()[0], -0.6, 1e-6);
  }
}

TEST(Clipping, DoesNotRaiseSmallGradients) {
  const std::vector<Tensor> small = {tensor({0.3F, -0.4F})};
  EXPECT_EQ(clipped(small, {.value = 1, .norm = 2})[0].to_vector<float>(), small[0].to_vector<float>());
  EXPECT_EQ(clipped({zeros({2})}, {.norm = 1})[0].to_vector<float>(), (std::vector<float>{0, 0}));
}

TEST(Clipping, AppliesTheValueFirst) {
  const auto values = clipped({tensor({3, 0.1F}), tensor({-5})}, {.value = 1, .norm = 1});
  const float scale = float(1 / (std::sqrt(2.01) + 1e-6));
  EXPECT_NEAR(values[0].to_vector<float>()[0], scale, 1e-6);
  EXPECT_NEAR(values[0].to_vector<float>()[1], 0.1F * scale, 1e-6);
  EXPECT_NEAR(values[1].to_vector<float>()[0], -scale, 1e-6);
}

TEST(Clipping, RefusesWhatMakesNoSense) {
  SGD optimizer;
  expect_throw<ValueError>([&] { optimizer.set_clipping({.norm = -1}); },
                           {"value and norm >= 0, got 0 and -1"});
  expect_throw<ValueError>([&] { optimizer.gradient_norm(); }, {"SGD: it has no parameters yet"});
  expect_throw<ValueError>([] { global_norm({}); }, {"global_norm: need a tensor or more"});
  optimizer.attach({parameter({2})});
  EXPECT_EQ(optimizer.gradient_norm().item<float>(), 0);
}

TEST(AveragedWeights, BeginAtTheFirstStep) {
  Tensor w = parameter({2}, 4);
  SGD optimizer({w}, {.lr = 0.25});
  optimizer.average_weights(0.75);
  step(optimizer);  // 4 - 0.25 * 8 = 2
  step(optimizer);  // 1
  {
    const AveragedWeights shown(optimizer);
    EXPECT_EQ(w.to_vector<float>(), (std::vector<float>{1.75, 1.75}));
    expect_throw<ValueError>([&] { optimizer.step(); }, {"SGD: a step while AveragedWeights shows"});
    expect_throw<ValueError>([&] { AveragedWeights again(optimizer); }, {"shown already"});
  }
  EXPECT_EQ(w.to_vector<float>(), (std::vector<float>{1, 1}));
}

TEST(AveragedWeights, ArePartOfTheState) {
  Tensor w = parameter({2}, 4), other = parameter({2}, 1);
  SGD optimizer({w}, {.lr = 0.25}), resumed({other}, {.lr = 0.25});
  optimizer.average_weights(0.75);
  expect_throw<ValueError>([&] { resumed.load_state(optimizer.state()); }, {"unexpected: [0.average]"});
  resumed.average_weights(0.75);
  step(optimizer);
  resumed.load_state(optimizer.state());
  const AveragedWeights shown(resumed);
  EXPECT_EQ(other.to_vector<float>(), (std::vector<float>{2, 2}));
}

TEST(AveragedWeights, RefuseWhatMakesNoSense) {
  SGD optimizer;
  expect_throw<ValueError>([&] { AveragedWeights shown(optimizer); }, {"SGD: it has no parameters yet"});
  optimizer.attach({parameter({2})});
  expect_throw<ValueError>([&] { AveragedWeights shown(optimizer); }, {"SGD keeps no average"});
  expect_throw<ValueError>([&] { optimizer.average_weights(1); }, {"0 <= decay < 1", "got 1"});
  step(optimizer);
  expect_throw<ValueError>([&] { optimizer.average_weights(0.5); }, {"before the first step, not after 1"});
}

TEST(NewtonSchulz, MakesSingularValuesAboutOne) {
  for (const Device device : devices()) {
    manual_seed(3);
    for (const Shape& shape : {Shape{4, 4}, Shape{3, 7}, Shape{6, 2}}) {
      const Tensor x = randn(shape, 0, 1, DType::f64, device);
      const Tensor y = newton_schulz(x);
      EXPECT_EQ(y.shape(), shape);
      const bool tall = shape[0] > shape[1];
      const Tensor gram = tall ? matmul(y.transpose(0, 1), y) : matmul(y, y.transpose(0, 1));
      const double squares = sum(gram * gram).item<double>();  // of the singular values, to the fourth power
      const double smaller = double(std::min(shape[0], shape[1]));
      EXPECT_GT(squares, 0.2 * smaller);
      EXPECT_LT(squares, 2.2 * smaller);
    }
  }
  expect_throw<ShapeError>([] { newton_schulz(zeros({3})); }, {"newton_schulz: need a matrix, got [3]"});
}

}  // namespace
}  // namespace dlengine::test

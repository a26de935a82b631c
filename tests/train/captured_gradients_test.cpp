// Gradients that a captured step leaves behind, or goes on from, are those of the same steps uncaptured.
#include <gtest/gtest.h>

#include <memory>

#include "dlengine/core/autograd.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/ops.h"
#include "dlengine/optim/sgd.h"
#include "dlengine/train/captured_step.h"
#include "tests/support/devices.h"

namespace dlengine::test {
namespace {

using Numbers = std::vector<float>;

/// What a step that only computes gradients leaves in w after each of ten calls, between which others do as
/// they like; no numbers where there is no gradient.
struct Course {
  std::vector<Numbers> gradients, weights;
  int host_calls = 0;
};

struct Plan {
  bool captured = true;
  bool optimizer = false;
  bool zero_first = false, zero_last = false;  // within the step
  int zero_every = 0;                          // calls, outside of the step; 0: never
  int step_every = 0;                          // of the optimizer, outside
  int freeze_at = 0;                           // call, outside
};

Tensor weight(Device device) { return tensor({1, 2, 3}).to(device).detach().set_requires_grad(); }

Course run(Device device, const Plan& plan) {
  Course course;
  Tensor w = weight(device);
  SGD sgd({.lr = 0.1, .momentum = 0.9});
  if (plan.optimizer) sgd.attach({w});
  const auto step = [&](const std::vector<Tensor>& in) {
    ++course.host_calls;
    if (plan.zero_first) w.zero_grad();
    if (w.requires_grad()) {
      sum(square(w) * in[0]).backward();
      sum(w * in[0]).backward();
    }
    if (plan.zero_last) w.zero_grad();
    return std::vector<Tensor>();
  };
  CapturedStep captured(device, step);
  for (int i = 1; i <= 10; ++i) {
    const Tensor x = full({3}, i, DType::f32, device);
    plan.captured ? (void)captured({x}) : (void)step({x});
    course.gradients.push_back(w.grad().defined() ? w.grad().to_vector<float>() : Numbers());
    if (plan.step_every > 0 && i % plan.step_every == 0) sgd.step();
    if (plan.zero_every > 0 && i % plan.zero_every == 0) w.zero_grad();
    if (plan.freeze_at == i) w.set_requires_grad(false);
    course.weights.push_back(w.to_vector<float>());
  }
  EXPECT_EQ(captured.reason(), "");
  return course;
}

/// Returns how often the host code ran in ten captured calls; 3 if all but the first ones were replays.
int expect_the_same(Device device, Plan plan) {
  SCOPED_TRACE(to_string(device));
  plan.captured = true;
  const Course captured = run(device, plan);
  plan.captured = false;
  const Course called = run(device, plan);
  EXPECT_EQ(captured.gradients, called.gradients);
  EXPECT_EQ(captured.weights, called.weights);
  return captured.host_calls;
}

TEST(CapturedGradients, BeginAnewInEveryStep) {
  for (const Device device : devices()) {
    for (const bool optimizer : {false, true}) {
      EXPECT_EQ(expect_the_same(device, {.optimizer = optimizer, .zero_first = true}), 3);
      EXPECT_EQ(expect_the_same(device, {.optimizer = optimizer, .zero_last = true}), 3);
      EXPECT_EQ(expect_the_same(device, {.optimizer = optimizer, .zero_every = 1}), 3);
      EXPECT_EQ(expect_the_same(device, {.optimizer = optimizer, .zero_first = true, .zero_every = 3}), 3);
    }
  }
}

TEST(CapturedGradients, AddUpOverSteps) {
  for (const Device device : devices()) {
    for (const bool optimizer : {false, true}) {
      EXPECT_EQ(expect_the_same(device, {.optimizer = optimizer}), 3);
      // A step that finds no gradient is another one than those that find one.
      EXPECT_GT(expect_the_same(device, {.optimizer = optimizer, .zero_every = 3}), 3);
      EXPECT_GT(expect_the_same(device, {.optimizer = optimizer, .zero_every = 5}), 3);
    }
    EXPECT_GT(expect_the_same(device, {.optimizer = true, .zero_every = 5, .step_every = 1}), 3);
  }
}

TEST(CapturedGradients, ServeAnOptimizerThatStepsOutside) {
  for (const Device device : devices()) {
    const Plan plan{.optimizer = true, .zero_every = 1, .step_every = 1};
    EXPECT_EQ(expect_the_same(device, plan), 3);
    const Course course = run(device, plan);
    EXPECT_NE(course.weights[8], course.weights[9]);
  }
}

TEST(CapturedGradients, EndWhereTheLeafIsFrozen) {
  for (const Device device : devices()) {
    EXPECT_EQ(expect_the_same(device, {.optimizer = true, .zero_first = true, .freeze_at = 6}), 6);
  }
}

TEST(CapturedGradients, OfLeavesThatTheStepMakes) {
  for (const Device device : devices()) {
    int host_calls = 0;
    const auto step = [&](const std::vector<Tensor>& in) {
      ++host_calls;
      Tensor copy = in[0].clone().set_requires_grad(), view = in[0].detach().set_requires_grad();
      sum(square(copy) * view).backward();
      sum(view * 3.0).backward();
      return std::vector{copy.grad(), view.grad()};
    };
    CapturedStep captured(device, step);
    for (int i = 1; i <= 6; ++i) {
      const std::vector<Tensor>& gradients = captured({full({3}, i, DType::f32, device)});
      const auto x = static_cast<float>(i);
      EXPECT_EQ(gradients[0].to_vector<float>(), Numbers(3, 2 * x * x));
      EXPECT_EQ(gradients[1].to_vector<float>(), Numbers(3, x * x + 3));
    }
    EXPECT_EQ(captured.reason(), "");
    EXPECT_EQ(host_calls, 3);
  }
}

/// Two captured steps, each of which forgets both gradients and computes one.
Numbers train_two_heads(Device device, bool captured) {
  std::vector<Tensor> weights = {weight(device), weight(device)};
  SGD sgd(weights, {.lr = 0.01});
  std::vector<std::unique_ptr<CapturedStep>> steps;
  std::vector<CapturedStep::Function> functions;
  for (const Tensor& w : weights) {
    functions.emplace_back([&sgd, w](const std::vector<Tensor>&) {
      sgd.zero_grad();
      sum(square(w)).backward();
      return std::vector<Tensor>();
    });
    steps.push_back(std::make_unique<CapturedStep>(device, functions.back()));
  }
  for (size_t i = 0; i < 12; ++i) {
    captured ? (void)(*steps[i % 2])({}) : (void)functions[i % 2]({});
    sgd.step();
  }
  return concat(weights).to_vector<float>();
}

TEST(CapturedGradients, AreForgottenInReplaysToo) {
  for (const Device device : devices()) {
    EXPECT_EQ(train_two_heads(device, true), train_two_heads(device, false)) << to_string(device);
  }
}

TEST(CapturedGradients, OfManyStepsAtOnceNeedNoOptimizer) {
  for (const Device device : devices()) {
    Tensor w = weight(device), total = zeros({3}, DType::f32, device);
    CapturedStep zeroing(device, [&](const std::vector<Tensor>&) {
      w.zero_grad();
      sum(square(w)).backward();
      total.copy_(total + w.grad());
      return std::vector<Tensor>();
    });
    zeroing.repeat(20, 4);
    EXPECT_EQ(total.to_vector<float>(), (Numbers{40, 80, 120}));
    EXPECT_EQ(w.grad().to_vector<float>(), (Numbers{2, 4, 6}));
    CapturedStep adding(device, [&](const std::vector<Tensor>&) {
      sum(square(w)).backward();
      return std::vector<Tensor>();
    });
    for (int round = 0; round < 4; ++round) {
      w.zero_grad();
      adding.repeat(7, 2);
      EXPECT_EQ(w.grad().to_vector<float>(), (Numbers{14, 28, 42})) << round;
    }
  }
}

}  // namespace
}  // namespace dlengine::test

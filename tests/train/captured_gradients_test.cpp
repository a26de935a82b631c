// Gradients that a captured step leaves behind, or goes on from, are those of the same steps uncaptured.
#include <gtest/gtest.h>

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
  std::string reason;
};

struct Plan {
  bool captured = true;
  bool optimizer = false;
  bool zero_first = false, zero_last = false;  // within the step
  int zero_every = 0;                          // calls, outside of the step; 0: never
  int step_every = 0;                          // of the optimizer, outside
};

Course run(Device device, const Plan& plan) {
  const Tensor w = tensor({1, 2, 3}).to(device).detach();
  Tensor(w).set_requires_grad();
  SGD sgd({.lr = 0.1, .momentum = 0.9});
  if (plan.optimizer) sgd.attach({w});
  const auto step = [&](const std::vector<Tensor>& in) {
    if (plan.zero_first) Tensor(w).zero_grad();
    sum(square(w) * in[0]).backward();
    sum(w * in[0]).backward();
    if (plan.zero_last) Tensor(w).zero_grad();
    return std::vector<Tensor>();
  };
  CapturedStep captured(device, step);
  Course course;
  for (int i = 1; i <= 10; ++i) {
    const Tensor x = full({3}, i, DType::f32, device);
    plan.captured ? (void)captured({x}) : (void)step({x});
    course.gradients.push_back(w.grad().defined() ? w.grad().to_vector<float>() : Numbers());
    if (plan.step_every > 0 && i % plan.step_every == 0) sgd.step();
    if (plan.zero_every > 0 && i % plan.zero_every == 0) Tensor(w).zero_grad();
    course.weights.push_back(w.to_vector<float>());
  }
  course.reason = captured.reason();
  return course;
}

std::string expect_the_same(Device device, Plan plan) {
  SCOPED_TRACE(to_string(device));
  plan.captured = true;
  const Course captured = run(device, plan);
  plan.captured = false;
  const Course called = run(device, plan);
  EXPECT_EQ(captured.gradients, called.gradients);
  EXPECT_EQ(captured.weights, called.weights);
  return captured.reason;
}

TEST(CapturedGradients, BeginAnewInEveryStep) {
  for (const Device device : devices()) {
    for (const bool optimizer : {false, true}) {
      EXPECT_EQ(expect_the_same(device, {.optimizer = optimizer, .zero_first = true}), "");
      EXPECT_EQ(expect_the_same(device, {.optimizer = optimizer, .zero_last = true}), "");
      EXPECT_EQ(expect_the_same(device, {.optimizer = optimizer, .zero_every = 1}), "");
    }
  }
}

TEST(CapturedGradients, AddUpOverStepsInTheMemoryOfAnOptimizer) {
  for (const Device device : devices()) {
    EXPECT_EQ(expect_the_same(device, {.optimizer = true}), "");
    EXPECT_EQ(expect_the_same(device, {.optimizer = true, .zero_every = 3, .step_every = 3}), "");
    EXPECT_EQ(expect_the_same(device, {.optimizer = true, .zero_every = 5, .step_every = 1}), "");
  }
}

TEST(CapturedGradients, ThatAddUpInNewMemoryAreNotRecorded) {
  for (const Device device : devices()) {
    const std::string reason = "adds to a gradient that was there before; call zero_grad() in it";
    EXPECT_EQ(expect_the_same(device, {}), reason);
    EXPECT_EQ(expect_the_same(device, {.zero_every = 4}), reason);
  }
}

TEST(CapturedGradients, OfStepsOutsideOfWhichAnOptimizerStepsMoveTheWeights) {
  for (const Device device : devices()) {
    const Plan plan{.optimizer = true, .zero_every = 1, .step_every = 1};
    EXPECT_EQ(expect_the_same(device, plan), "");
    const Course course = run(device, plan);
    EXPECT_NE(course.weights[8], course.weights[9]);
  }
}

}  // namespace
}  // namespace dlengine::test

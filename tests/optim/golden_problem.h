// The problem of tests/golden/make_golden.py: 50 steps with a rate that changes, compared with stored
// weights.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "dlengine/core/factory.h"
#include "dlengine/core/ops.h"
#include "dlengine/optim/optim.h"
#include "dlengine/train/captured_step.h"
#include "tests/golden/golden.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"

namespace dlengine::test {

inline constexpr size_t kParameters = 3;
inline constexpr int64_t kSteps = 50;

struct OptimizerCase {
  const char* name;
  std::shared_ptr<Optimizer> optimizer;
};

template <typename Kind, typename Options>
OptimizerCase row(const char* name, const Options& options) {
  return {name, std::make_shared<Kind>(options)};
}

struct GoldenRun {
  const Golden& golden;  // the weights after some steps, under "name.step.parameter"
  DType dtype = DType::f64;
  Device device = kCpu;
  bool sparse = false;    // parameter 1 has no gradient in every third step
  bool captured = false;  // steps are replayed as soon as they can be
  std::function<void(Optimizer&, std::vector<Tensor>&)> attach = [](Optimizer& optimizer, auto& weights) {
    optimizer.attach(weights);
  };
  std::function<void(const std::string& prefix)> after_step = {};  // "50."
};

inline std::vector<Tensor> load(const std::string& name, const GoldenRun& run) {
  static const Golden problem("optim.safetensors");
  std::vector<Tensor> tensors;
  for (size_t i = 0; i < kParameters; ++i) {
    tensors.push_back(problem.at(name + "." + std::to_string(i)).to(run.dtype).to(run.device).clone());
  }
  return tensors;
}

/// Each step rounds the weight and what it is updated by; goals are up to 2.
inline void expect_weights(const std::vector<Tensor>& weights, const GoldenRun& run, const std::string& name,
                           int64_t step) {
  for (size_t i = 0; i < kParameters; ++i) {
    const Tensor want = run.golden.at(name + "." + std::to_string(step) + "." + std::to_string(i));
    const double terms = 2 * static_cast<double>(step);
    expect_close(weights[i], to_ndarray(want),
                 tolerance(run.dtype, {.terms = terms, .roundings = 2, .magnitude = 2}));
  }
}

/// Minimises sum(curvature * (w - goal)^2).
inline void expect_agreement(const std::string& name, Optimizer& optimizer, const GoldenRun& run) {
  std::vector<Tensor> weights = load("start", run);
  const std::vector<Tensor> curvatures = load("curvature", run), goals = load("goal", run);
  for (Tensor& w : weights) w.set_requires_grad();
  run.attach(optimizer, weights);
  const auto step =
      [&](const std::vector<Tensor>& in) {  // in[0] has two elements where a gradient is missing
        optimizer.zero_grad();
        for (size_t i = 0; i < kParameters; ++i) {
          if (i == 1 && in[0].numel() == 2) continue;
          sum(curvatures[i] * square(weights[i] - goals[i])).backward();
        }
        optimizer.step();
        return std::vector<Tensor>();
      };
  CapturedStep captured(run.device, step);
  const double base = optimizer.lr();
  for (int64_t i = 0; i < kSteps; ++i) {
    optimizer.set_lr(base * (1 + 0.5 * std::sin(static_cast<double>(i))));
    const std::vector<Tensor> in = {zeros({run.sparse && i % 3 == 0 ? 2 : 1}, run.dtype, run.device)};
    run.captured ? captured(in) : step(in);
    const std::string prefix = std::to_string(i + 1) + ".";
    if (run.golden.under(name + "." + prefix).empty()) continue;
    SCOPED_TRACE("after step " + std::to_string(i + 1));
    expect_weights(weights, run, name, i + 1);
    if (run.after_step) run.after_step(prefix);
  }
  EXPECT_EQ(optimizer.step_count(), kSteps);
  if (run.captured) {
    EXPECT_EQ(captured.reason(), "");
    EXPECT_GT(captured.kernels(), 0);
  }
  optimizer.set_lr(base);
}

}  // namespace dlengine::test

// What on_epoch changes is followed by replayed steps: they give the bits of steps that run as usual.
#include <gtest/gtest.h>

#include <functional>

#include "dlengine/core/ops.h"
#include "dlengine/train/captured_step.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"
#include "tests/train/small_problem.h"

namespace dlengine::test {
namespace {

/// Three layers that are trained, and what a test may change in the middle.
struct Training {
  Sequential net;
  Adam optimizer{AdamOptions{.lr = 0.01}};

  void freeze(const std::string& layer, bool frozen) {
    for (auto& [name, parameter] : net.named_parameters()) {
      if (name.starts_with(layer)) parameter.set_requires_grad(!frozen);
    }
  }
};

using Change = std::function<void(Training&)>;

struct Case {
  const char* name;
  Change before, change;
};

const Case kCases[] = {
    {"freezing", {}, [](Training& t) { t.freeze("0.", true); }},
    {"unfreezing", [](Training& t) { t.freeze("2.", true); }, [](Training& t) { t.freeze("2.", false); }},
    {"swapping", [](Training& t) { t.freeze("0.", true); },
     [](Training& t) {
       t.freeze("0.", false);
       t.freeze("4.", true);
     }},
    {"clipping", {}, [](Training& t) { t.optimizer.set_clipping({.norm = 1e-3}); }},
    {"no more clipping", [](Training& t) { t.optimizer.set_clipping({.value = 1e-3}); },
     [](Training& t) { t.optimizer.set_clipping({}); }},
    {"another average", [](Training& t) { t.optimizer.average_weights(0.5); },
     [](Training& t) { t.optimizer.average_weights(0.9); }},
    {"attaching", {}, [](Training& t) { t.optimizer.attach(t.net.parameters()); }},
};

/// Weights, and the loss of the averaged weights where there are some, after six epochs; the change comes
/// after epoch `when`.
std::vector<float> train(const Case& row, const TrainerOptions& options, int64_t when) {
  manual_seed(5);
  Training t{.net = Sequential(Linear({.in_features = 2, .out_features = 8}), ReLU(),
                               Linear({.in_features = 8, .out_features = 8}), ReLU(),
                               Linear({.in_features = 8, .out_features = 3}))};
  if (row.before) row.before(t);
  Trainer trainer(t.net, CrossEntropyLoss(), t.optimizer, options);
  const TensorDataset data = three_clouds();
  FitOptions fit{.epochs = 6, .batch_size = 4};  // 7 full batches and a short one
  fit.on_epoch = [&](const EpochRecord& record) {
    if (record.epoch == when) row.change(t);
  };
  trainer.fit(data, fit);
  std::vector<float> outcome = weights(t.net);
  outcome.push_back(float(trainer.evaluate(data).loss));
  return outcome;
}

TEST(OnEpoch, ReplayedStepsFollowItsChanges) {
  for (const Device device : devices()) {
    for (const Case& row : kCases) {
      for (const int64_t accumulate : {1, 3}) {
        TrainerOptions options = quiet();
        options.device = device;
        options.accumulate = accumulate;
        for (const int64_t when : {1, 2, 4}) {  // the short batch is rehearsed, recorded and replayed
          SCOPED_TRACE(to_string(device) + " " + row.name + " after " + std::to_string(when) + ", " +
                       std::to_string(accumulate));
          options.replay = Replay::automatic;
          const std::vector<float> replayed = train(row, options, when);
          options.replay = Replay::never;
          EXPECT_EQ(replayed, train(row, options, when));
        }
      }
    }
  }
}

TEST(OnEpoch, AFrozenLayerStays) {
  const auto layer_of = [](Replay replay) {
    SmallTraining run;
    TrainerOptions options = quiet();
    options.replay = replay;
    Trainer trainer(run.net, CrossEntropyLoss(), run.optimizer, options);
    std::vector<float> before;
    FitOptions fit{.epochs = 5, .batch_size = 8};
    fit.on_epoch = [&](const EpochRecord& record) {
      if (record.epoch != 3) return;
      run.net.parameters()[0].set_requires_grad(false);
      before = run.net.parameters()[0].to_vector<float>();
    };
    trainer.fit(three_clouds(), fit);
    EXPECT_EQ(run.net.parameters()[0].to_vector<float>(), before);
  };
  layer_of(Replay::automatic);
  layer_of(Replay::never);
}

/// Eight steps of Adam on two weights; a change comes before step `when`.
std::vector<float> steps(bool captured, Device device, int when,
                         const std::function<void(Adam&, Tensor&)>& change) {
  std::vector<Tensor> w;
  for (int i = 0; i < 2; ++i) w.push_back(ones({3}, DType::f32, device).set_requires_grad());
  Adam adam(w, {.lr = 0.1});
  const auto step = [&](const std::vector<Tensor>&) {
    adam.zero_grad();
    sum(square(w[0] - 3.0) + square(w[1])).backward();
    adam.step();
    return std::vector<Tensor>();
  };
  CapturedStep replayed(device, step);
  for (int i = 0; i < 8; ++i) {
    if (i == when) change(adam, w[1]);
    captured ? replayed({}) : step({});
  }
  return concat(w).to_vector<float>();
}

TEST(CapturedStep, FollowsTheSettingsOfItsOptimizer) {
  const std::function<void(Adam&, Tensor&)> changes[] = {
      [](Adam&, Tensor& w) { w.set_requires_grad(false); },
      [](Adam& adam, Tensor&) { adam.set_clipping({.value = 0.1, .norm = 0.01}); },
      [](Adam& adam, Tensor& w) { adam.attach({w}); },
  };
  for (const Device device : devices()) {
    for (const auto& change : changes) {
      for (const int when : {1, 2, 3, 6}) {  // before rehearsal, recording and replays
        EXPECT_EQ(steps(true, device, when, change), steps(false, device, when, change))
            << to_string(device) << " " << &change - changes << " before " << when;
      }
    }
  }
}

TEST(CapturedStep, IsRefusedWhereAnAverageIsShown) {
  Tensor w = ones({3}).set_requires_grad();
  SGD sgd({w}, {.lr = 0.1});
  sgd.average_weights(0.5);
  CapturedStep step(kCpu, [&](const std::vector<Tensor>&) {
    sgd.zero_grad();
    sum(square(w)).backward();
    sgd.step();
    return std::vector<Tensor>();
  });
  for (int i = 0; i < 5; ++i) step({});
  const AveragedWeights shown(sgd);
  expect_throw<ValueError>([&] { step({}); }, {"a step while AveragedWeights shows the average"});
}

}  // namespace
}  // namespace dlengine::test

// What a training step may be told: accumulation, clipping, groups, averages of weights, plateaus.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <csignal>

#include "dlengine/core/ops.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"
#include "tests/train/small_problem.h"

namespace dlengine::test {
namespace {

using testing::ElementsAre;

/// A linear classifier of the clouds, trained by SGD.
struct LinearTraining {
  explicit LinearTraining(const TrainerOptions& options, const SgdOptions& sgd = {.lr = 0.1, .momentum = 0.9})
      : net((manual_seed(2), Sequential(Linear({.in_features = 2, .out_features = 3})))),
        optimizer(sgd),
        trainer(net, CrossEntropyLoss(), optimizer, options) {
    net.infer_shapes({1, 2});  // draws the weights
  }

  Sequential net;
  SGD optimizer;
  Trainer trainer;
};

TrainerOptions on(Device device, int64_t accumulate = 1, Replay replay = Replay::automatic) {
  TrainerOptions options = quiet();
  options.device = device;
  options.accumulate = accumulate;
  options.replay = replay;
  return options;
}

TEST(Accumulation, OfSmallBatchesIsOneLargeOne) {
  for (const Device device : devices()) {
    SCOPED_TRACE(to_string(device));
    const TensorDataset data = three_clouds(48);
    LinearTraining large(on(device)), small(on(device, 4));
    large.trainer.fit(data, {.epochs = 6, .batch_size = 16});
    small.trainer.fit(data, {.epochs = 6, .batch_size = 4});
    EXPECT_EQ(small.optimizer.step_count(), 6 * 3);
    const auto want = weights(large.net), got = weights(small.net);
    for (size_t i = 0; i < want.size(); ++i) EXPECT_NEAR(got[i], want[i], 1e-5);
  }
}

TEST(Accumulation, GivesTheSameBitsReplayed) {
  const TensorDataset data = three_clouds(50);  // 17 batches, the last one shorter: steps of 3, and one of 2
  for (const Device device : devices()) {
    SCOPED_TRACE(to_string(device));
    LinearTraining replayed(on(device, 3)), eager(on(device, 3, Replay::never));
    for (LinearTraining* run : {&replayed, &eager}) {
      run->trainer.fit(data, {.epochs = 5, .batch_size = 3, .schedule = linear_schedule()});
    }
    EXPECT_EQ(replayed.optimizer.step_count(), 5 * 6);
    EXPECT_EQ(weights(replayed.net), weights(eager.net));
  }
}

TEST(Accumulation, CountsTheScheduleInSteps) {
  LinearTraining run(on(kCpu, 2));
  std::vector<double> rates;
  const auto loss = [&](const Tensor& output, const Tensor& target) {
    rates.push_back(run.optimizer.lr());
    return cross_entropy(output, target);
  };
  Trainer trainer(run.net, loss, run.optimizer, on(kCpu, 2));
  FitOptions options{.epochs = 2, .batch_size = 10};  // 3 batches, 2 steps
  options.schedule = [](int64_t step, int64_t total) { return double(step + 1) / double(total); };
  trainer.fit(three_clouds(), options);
  EXPECT_THAT(rates, ElementsAre(0.1 * 0.25, 0.1 * 0.25, 0.1 * 0.5, 0.1 * 0.75, 0.1 * 0.75, 0.1));
}

TEST(Accumulation, IsInterruptedBetweenSteps) {
  LinearTraining run(on(kCpu));
  int calls = 0;
  const auto loss = [&](const Tensor& output, const Tensor& target) {
    if (++calls == 4) std::raise(SIGINT);
    return cross_entropy(output, target);
  };
  Trainer trainer(run.net, loss, run.optimizer, on(kCpu, 3));
  EXPECT_TRUE(trainer.fit(three_clouds(), {.batch_size = 3}).interrupted);
  EXPECT_EQ(calls, 6);
  EXPECT_EQ(run.optimizer.step_count(), 2);
  EXPECT_FALSE(trainer.fit(three_clouds(), {.batch_size = 3}).interrupted);
  EXPECT_EQ(run.optimizer.step_count(), 4);
}

TEST(Accumulation, RefusesSizesThatMakeNoSense) {
  expect_throw<ValueError>([] { LinearTraining run(on(kCpu, 0)); }, {"Trainer: need accumulate >= 1, got 0"});
}

TEST(TrainerOptions, ClipGradients) {
  TrainerOptions options = on(kCpu);
  options.clipping = {.norm = 0.01};
  LinearTraining run(options, {.lr = 1});
  const auto before = weights(run.net);
  run.trainer.fit(three_clouds(), {.batch_size = 30});
  const auto after = weights(run.net);
  double squares = 0;
  for (size_t i = 0; i < after.size(); ++i) squares += std::pow(double(after[i]) - double(before[i]), 2);
  EXPECT_NEAR(std::sqrt(squares), 0.01, 1e-5);
}

TEST(TrainerOptions, GroupParameters) {
  TrainerOptions options = on(kCpu);
  options.groups = no_decay_on_vectors;
  const SgdOptions only_decay{.lr = 1e-3, .weight_decay = 1e3};  // a step decays to 0, but for the gradient
  LinearTraining run(options, only_decay);
  const auto before = weights(run.net);
  run.trainer.fit(three_clouds(), {.batch_size = 30});
  const auto after = weights(run.net);
  for (size_t i = 0; i < 6; ++i) EXPECT_NEAR(after[i], 0, 0.01);
  for (size_t i = 6; i < 9; ++i) EXPECT_NEAR(after[i], before[i], 0.01);
}

TEST(TrainerOptions, AverageWeightsForEvaluation) {
  const TensorDataset data = three_clouds();
  for (const Device device : devices()) {
    SCOPED_TRACE(to_string(device));
    TrainerOptions options = on(device);
    options.average = 0.9;
    LinearTraining run(options), eager(options), plain(on(device));
    const FitOptions fit{.epochs = 6, .batch_size = 8, .validation = &data};
    const History history = run.trainer.fit(data, fit), plain_history = plain.trainer.fit(data, fit);
    EXPECT_EQ(weights(run.net), weights(plain.net));
    EXPECT_NE(history.epochs.back().validation.loss, plain_history.epochs.back().validation.loss);
    const double averaged = run.trainer.evaluate(data).loss;
    const Tensor outputs = run.trainer.predict(data);
    EXPECT_EQ(weights(run.net), weights(plain.net));  // its own again
    const AveragedWeights shown(run.optimizer);
    const Tensor logits = run.net(data.x().to(device)).to(kCpu);
    EXPECT_EQ(outputs.to_vector<float>(), logits.to_vector<float>());
    EXPECT_NEAR(averaged, cross_entropy(logits, data.y()).item<double>(), 1e-6);
  }
}

TEST(TrainerOptions, EvaluateAnAverageThatIsShown) {
  const TensorDataset data = three_clouds();
  const TempFile file("shown.safetensors");
  TrainerOptions options = on(kCpu);
  options.average = 0.9;
  LinearTraining run(options);
  run.trainer.fit(data, {.epochs = 3, .batch_size = 8, .checkpoint = file.path()});
  const double loss = run.trainer.evaluate(data).loss;
  const auto outputs = run.trainer.predict(data).to_vector<float>(), own = weights(run.net);
  {
    const AveragedWeights shown(run.optimizer);
    EXPECT_EQ(run.trainer.evaluate(data).loss, loss);
    EXPECT_EQ(run.trainer.predict(data).to_vector<float>(), outputs);
    const std::string before = bytes_of(file.path());
    expect_throw<ValueError>([&] { run.trainer.save_checkpoint(file.path()); },
                             {"save_checkpoint: AveragedWeights shows the average"});
    EXPECT_EQ(bytes_of(file.path()), before);
    expect_throw<ValueError>([&] { run.trainer.load_checkpoint(file.path()); },
                             {"load_checkpoint: AveragedWeights shows the average"});
  }
  EXPECT_EQ(weights(run.net), own);
}

TEST(Plateau, LowersTheRateWhereTheLossStands) {
  const TensorDataset data = three_clouds();
  for (const bool validated : {false, true}) {
    LinearTraining run(on(kCpu), {.lr = 1e-30});
    FitOptions options{.epochs = 4, .batch_size = 10, .validation = validated ? &data : nullptr};
    options.plateau = {.factor = 0.5, .patience = 0};
    std::vector<double> rates;
    for (const EpochRecord& record : run.trainer.fit(data, options).epochs)
      rates.push_back(record.lr / 1e-30);
    EXPECT_THAT(rates, ElementsAre(1, 1, 0.5, 0.25));
    EXPECT_EQ(run.optimizer.lr(), 1e-30);
    options.epochs = 5;
    EXPECT_EQ(run.trainer.fit(data, options).epochs[0].lr, 0.125 * 1e-30);
  }
}

TEST(Plateau, ComesOnTopOfTheScheduleAndGoesOnFromACheckpoint) {
  const TensorDataset data = three_clouds();
  const TempFile file("plateau.safetensors");
  FitOptions options{.epochs = 3, .batch_size = 30, .checkpoint = file.path()};
  options.schedule = [](int64_t step, int64_t) { return double(step + 1); };
  options.plateau = {.factor = 0.5, .patience = 0};
  LinearTraining run(on(kCpu), {.lr = 1e-30}), resumed(on(kCpu), {.lr = 1e-30});
  run.trainer.fit(data, options);
  resumed.trainer.load_checkpoint(file.path());
  options.epochs = 4;
  EXPECT_EQ(resumed.trainer.fit(data, options).epochs[0].lr, 4 * 0.25 * 1e-30);
}

TEST(Checkpoint, ResumesAccumulationAndAverages) {
  const TensorDataset data = three_clouds();
  TrainerOptions options = on(kCpu, 2);
  options.average = 0.9;
  const TempFile whole("whole_average.safetensors"), parts("parts_average.safetensors");
  LinearTraining straight(options), stopped(options), resumed(options);
  straight.trainer.fit(data, {.epochs = 4, .batch_size = 4, .checkpoint = whole.path()});
  stopped.trainer.fit(data, {.epochs = 2, .batch_size = 4, .checkpoint = parts.path()});
  resumed.trainer.load_checkpoint(parts.path());
  resumed.trainer.fit(data, {.epochs = 4, .batch_size = 4, .checkpoint = parts.path()});
  EXPECT_EQ(bytes_of(parts.path()), bytes_of(whole.path()));
}

}  // namespace
}  // namespace dlengine::test

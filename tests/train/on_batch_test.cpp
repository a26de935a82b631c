// What on_batch is told, and that it changes nothing.
#include <gtest/gtest.h>

#include <functional>
#include <stdexcept>
#include <vector>

#include "dlengine/core/check.h"
#include "dlengine/core/ops.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"
#include "tests/support/temp_dir.h"
#include "tests/train/small_problem.h"

namespace dlengine::test {
namespace {

TrainerOptions options_on(Device device, Replay replay) {
  TrainerOptions options = quiet();
  options.device = device;
  options.replay = replay;
  return options;
}

/// 7 full batches and one of 2 samples.
FitOptions three_epochs() { return {.epochs = 3, .batch_size = 4}; }

TEST(OnBatch, ComesAfterEveryBatch) {
  for (const Device device : devices()) {
    for (const Replay replay : {Replay::automatic, Replay::never}) {
      for (const int64_t accumulate : {1, 3}) {
        TrainerOptions trainer_options = options_on(device, replay);
        trainer_options.accumulate = accumulate;
        SmallTraining run(1, trainer_options);
        FitOptions options = three_epochs();
        int64_t calls = 0;
        options.on_batch = [&](const BatchRecord& record) {
          EXPECT_EQ(record.batch, calls % 8 + 1);
          EXPECT_EQ(record.epoch, calls / 8 + 1);
          EXPECT_EQ(record.batches, 8);
          ++calls;
        };
        run.trainer.fit(three_clouds(), options);
        EXPECT_EQ(calls, 24);
      }
    }
  }
}

TEST(OnBatch, ChangesNoBit) {
  for (const Device device : devices()) {
    for (const int64_t accumulate : {1, 3}) {
      std::vector<std::vector<float>> outcomes;
      for (const Replay replay : {Replay::automatic, Replay::never}) {
        for (const int ask : {-1, 0, 1}) {  // -1: there is no on_batch
          TrainerOptions trainer_options = options_on(device, replay);
          trainer_options.accumulate = accumulate;
          SmallTraining run(1, trainer_options);
          FitOptions options = three_epochs();
          const auto ask_for_all = [&](const BatchRecord& record) {
            if (ask == 1) record.loss(), record.metrics();
          };
          if (ask >= 0) options.on_batch = ask_for_all;
          const History history = run.trainer.fit(three_clouds(), options);
          outcomes.push_back(weights(run.net));
          outcomes.back().push_back(float(history.epochs[2].train.loss));
        }
      }
      for (const auto& outcome : outcomes) EXPECT_EQ(outcome, outcomes[0]);
    }
  }
}

TEST(OnBatch, GivesTheLossOfTheBatchAndTheMeansSoFar) {
  for (const Device device : devices()) {
    std::vector<std::vector<double>> losses;
    for (const Replay replay : {Replay::automatic, Replay::never}) {
      SmallTraining run(1, options_on(device, replay));
      FitOptions options = three_epochs();
      auto& seen = losses.emplace_back();
      double sum = 0, samples = 0;
      options.on_batch = [&](const BatchRecord& record) {
        if (record.batch == 1) sum = samples = 0;
        const double loss = record.loss();
        const double size = record.batch == 8 ? 2 : 4;
        seen.push_back(loss);
        sum += loss * size;
        samples += size;
        const Metrics metrics = record.metrics();
        EXPECT_EQ(double(metrics.samples), samples);
        EXPECT_NEAR(metrics.loss, sum / samples, 1e-12);
        EXPECT_TRUE(metrics.classes);
      };
      const History history = run.trainer.fit(three_clouds(), options);
      EXPECT_NEAR(history.epochs[2].train.loss, sum / 30, 1e-12);
      EXPECT_NE(seen[0], seen[8]);
    }
    EXPECT_EQ(losses[0].size(), 24u);
    EXPECT_EQ(losses[0], losses[1]);
  }
}

TEST(OnBatch, MayStopInTheMiddleOfAnEpoch) {
  for (const Device device : devices()) {
    for (const int64_t accumulate : {1, 3}) {
      SCOPED_TRACE(to_string(device) + " " + std::to_string(accumulate));
      const TempDir dir;
      const std::string path = dir / "stopped.safetensors";
      TrainerOptions trainer_options = options_on(device, Replay::automatic);
      trainer_options.accumulate = accumulate;
      SmallTraining straight(1, trainer_options);
      straight.trainer.fit(three_clouds(), three_epochs());

      SmallTraining stopped(1, trainer_options);
      FitOptions options = three_epochs();
      options.checkpoint = path;
      int64_t last = 0;
      options.on_batch = [&](const BatchRecord& record) {
        last = record.batch;
        if (record.epoch == 2 && record.batch == 5) stopped.trainer.stop_training();
      };
      options.early_stopping = EarlyStopping{.patience = 9, .restore_best_weights = true};
      const History history = stopped.trainer.fit(three_clouds(), options);
      EXPECT_TRUE(history.stopped_early);
      EXPECT_FALSE(history.interrupted);
      EXPECT_EQ(history.epochs.size(), 1u);
      EXPECT_EQ(last, accumulate == 1 ? 5 : 6);

      SmallTraining resumed(9, trainer_options);
      resumed.net.infer_shapes({1, 2});
      resumed.trainer.load_checkpoint(path);
      resumed.trainer.fit(three_clouds(), three_epochs());
      EXPECT_EQ(weights(resumed.net), weights(straight.net));
    }
  }
}

TEST(OnBatch, AStopAtTheLastBatchEndsAWholeEpoch) {
  SmallTraining run;
  FitOptions options = three_epochs();
  options.on_batch = [&](const BatchRecord& record) {
    if (record.batch == record.batches) run.trainer.stop_training();
  };
  const History history = run.trainer.fit(three_clouds(), options);
  EXPECT_TRUE(history.stopped_early);
  EXPECT_EQ(history.epochs.size(), 1u);
  options.on_batch = {};
  EXPECT_EQ(run.trainer.fit(three_clouds(), options).epochs.size(), 2u);
}

/// With momentum (Adam) and with rates that change from step to step, also by the losses.
FitOptions scheduled() {
  FitOptions options = three_epochs();
  options.schedule = one_cycle_schedule();
  options.plateau = PlateauOptions{.patience = 0, .threshold = 0.9};
  return options;
}

struct Outcome {
  std::vector<float> weights;
  std::vector<EpochRecord> epochs;
  double lr;
};

Outcome fit(SmallTraining& run, const FitOptions& options) {
  const History history = run.trainer.fit(three_clouds(), options);
  return {weights(run.net), history.epochs, run.optimizer.lr()};
}

/// The later one has the last epochs of the other.
void expect_same_end(const Outcome& later, const Outcome& whole) {
  EXPECT_EQ(later.weights, whole.weights);
  EXPECT_EQ(later.lr, whole.lr);
  const size_t skipped = whole.epochs.size() - later.epochs.size();
  for (size_t i = 0; i < later.epochs.size(); ++i) {
    const EpochRecord &got = later.epochs[i], &want = whole.epochs[skipped + i];
    EXPECT_EQ(got.epoch, want.epoch);
    EXPECT_EQ(got.lr, want.lr);
    EXPECT_EQ(got.train.loss, want.train.loss);
    EXPECT_EQ(got.train.accuracy, want.train.accuracy);
    EXPECT_EQ(got.train.samples, want.train.samples);
  }
}

/// Calls check(trainer's options, batch) for each device, replayed and not, with batches of which a step of
/// the optimizer is done, the last of an epoch too.
void after_whole_steps(const std::function<void(const TrainerOptions&, int64_t batch)>& check) {
  for (const Device device : devices()) {
    for (const Replay replay : {Replay::automatic, Replay::never}) {
      for (const int64_t accumulate : {1, 3}) {
        for (const int64_t batch : {3, 6, 8}) {
          for (const int64_t resident_bytes : {int64_t{1} << 20, int64_t{0}}) {
            SCOPED_TRACE(fmt::format("{} {} {} {}", to_string(device), accumulate, batch, resident_bytes));
            TrainerOptions options = options_on(device, replay);
            options.accumulate = accumulate;
            options.resident_bytes = resident_bytes;
            check(options, batch);
          }
        }
      }
    }
  }
}

TEST(OnBatch, MaySaveACheckpointFromWhichTheTrainingGoesOn) {
  after_whole_steps([](const TrainerOptions& trainer_options, int64_t at) {
    const TempDir dir;
    const std::string path = dir / "within.safetensors";
    SmallTraining saved(1, trainer_options), resumed(9, trainer_options);
    manual_seed(1);
    FitOptions options = scheduled();
    options.on_batch = [&](const BatchRecord& record) {
      if (record.epoch == 2 && record.batch == at) saved.trainer.save_checkpoint(path);
    };
    const Outcome whole = fit(saved, options);
    resumed.net.infer_shapes({1, 2});
    resumed.trainer.load_checkpoint(path);
    EXPECT_EQ(resumed.trainer.epoch(), 1);
    EXPECT_EQ(resumed.optimizer.lr(), 0.01);
    expect_same_end(fit(resumed, scheduled()), whole);
  });
}

TEST(OnBatch, ACheckpointInTheMiddleOfAStepIsRefused) {
  TrainerOptions trainer_options = quiet();
  trainer_options.accumulate = 3;
  const TempDir dir;
  SmallTraining run(1, trainer_options);
  FitOptions options = three_epochs();
  options.on_batch = [&](const BatchRecord& record) {
    if (record.batch == 5) run.trainer.save_checkpoint(dir / "within.safetensors");
  };
  expect_throw<ValueError>([&] { run.trainer.fit(three_clouds(), options); },
                           {"save_checkpoint: 5 batches of epoch 1 are done, which is no whole number of "
                            "steps of 3"});
  EXPECT_EQ(dir.entries(), 0u);
}

TEST(OnBatch, ACheckpointOfALossThatIsNotFiniteIsRefused) {
  const TempDir dir;
  SmallTraining run;
  const LossFunction loss = [](const Tensor& y, const Tensor& t) { return cross_entropy(y, t) / 0.0; };
  Trainer trainer(run.net, loss, run.optimizer, quiet());
  FitOptions options = three_epochs();
  options.on_batch = [&](const BatchRecord&) { trainer.save_checkpoint(dir / "within.safetensors"); };
  expect_throw<ValueError>([&] { trainer.fit(three_clouds(), options); },
                           {"the loss is not finite in epoch 1, step 1"});
  EXPECT_EQ(dir.entries(), 0u);
}

/// Throws after a batch; the training then goes on after it, also in the middle of a step.
void expect_going_on(const TrainerOptions& trainer_options, int64_t at) {
  SmallTraining straight(1, trainer_options);
  const Outcome whole = fit(straight, scheduled());
  SmallTraining stopped(1, trainer_options);
  FitOptions options = scheduled();
  options.on_batch = [&](const BatchRecord& record) {
    if (record.epoch == 2 && record.batch == at) throw std::runtime_error("enough");
  };
  EXPECT_THROW(stopped.trainer.fit(three_clouds(), options), std::runtime_error);
  EXPECT_EQ(stopped.optimizer.lr(), 0.01);
  expect_same_end(fit(stopped, scheduled()), whole);
}

TEST(OnBatch, MayThrow) {
  after_whole_steps(expect_going_on);
  for (const Device device : devices()) {
    TrainerOptions trainer_options = options_on(device, Replay::automatic);
    trainer_options.accumulate = 3;
    for (const int64_t batch : {1, 5, 7}) expect_going_on(trainer_options, batch);
  }
}

}  // namespace
}  // namespace dlengine::test

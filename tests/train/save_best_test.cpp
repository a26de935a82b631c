// The file of the best epoch.
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <map>

#include "dlengine/core/ops.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"
#include "tests/support/temp_dir.h"
#include "tests/train/small_problem.h"

namespace dlengine::test {
namespace {

/// A training that gets better for three epochs, then worse; and the weights after each epoch.
struct UpAndDown {
  explicit UpAndDown(Device device = kCpu, std::optional<double> average = {})
      : run(1, [&] {
          TrainerOptions options = quiet();
          options.device = device;
          options.average = average;
          return options;
        }()) {}

  History fit(const SaveBest& best, const std::function<void(FitOptions&)>& change = {}) {
    FitOptions options{.epochs = 6, .batch_size = 8, .validation = &data};
    options.save_best = best;
    options.on_epoch = [&](const EpochRecord& record) {
      after[record.epoch] = weights(run.net);
      run.optimizer.set_lr(record.epoch < 3 ? 0.01 : 100);
    };
    if (change) change(options);
    return run.trainer.fit(data, options);
  }

  SmallTraining run;
  TensorDataset data = three_clouds();
  std::map<int64_t, std::vector<float>> after;
};

std::vector<float> loaded_weights(const std::string& path) {
  Sequential net = small_net();
  net.infer_shapes({1, 2});
  load_weights(net, path);
  return weights(net);
}

TEST(SaveBest, KeepsTheCheckpointOfTheBestEpoch) {
  for (const Device device : devices()) {
    const TempDir dir;
    const std::string path = dir / "best.safetensors";
    UpAndDown training(device);
    const History history = training.fit({.path = path});
    EXPECT_EQ(history.saved_epoch, 3);
    EXPECT_EQ(history.best_epoch, 0);
    EXPECT_EQ(dir.entries(), 1u);
    SmallTraining loaded(9);
    loaded.net.infer_shapes({1, 2});
    loaded.trainer.load_checkpoint(path);
    EXPECT_EQ(loaded.trainer.epoch(), 3);
    EXPECT_EQ(weights(loaded.net), training.after[3]);
  }
}

TEST(SaveBest, KeepsWeightsAlone) {
  const TempDir dir;
  UpAndDown training;
  EXPECT_EQ(training.fit({.path = dir / "best.safetensors", .save_weights_only = true}).saved_epoch, 3);
  EXPECT_EQ(loaded_weights(dir / "best.safetensors"), training.after[3]);
}

TEST(SaveBest, KeepsTheAverageWhereThatIsEvaluated) {
  const TempDir dir;
  UpAndDown training(kCpu, 0.5);
  const SaveBest best{.path = dir / "best.safetensors", .save_weights_only = true};
  std::vector<float> averages;
  const History history = training.fit(best, [&](FitOptions& options) {
    options.epochs = 2;
    options.on_epoch = [&](const EpochRecord&) {
      const AveragedWeights shown(training.run.optimizer);
      averages = weights(training.run.net);
    };
  });
  EXPECT_EQ(history.saved_epoch, 2);
  EXPECT_EQ(loaded_weights(best.path), averages);
  EXPECT_NE(weights(training.run.net), averages);
}

TEST(SaveBest, GoesTogetherWithEarlyStopping) {
  const TempDir dir;
  UpAndDown training;
  const SaveBest best{.path = dir / "best.safetensors", .save_weights_only = true};
  const History history = training.fit(best, [](FitOptions& options) {
    options.early_stopping = EarlyStopping{.patience = 2, .restore_best_weights = true};
  });
  EXPECT_TRUE(history.stopped_early);
  EXPECT_EQ(history.best_epoch, 3);
  EXPECT_EQ(history.saved_epoch, 3);
  EXPECT_EQ(loaded_weights(best.path), weights(training.run.net));
}

TEST(SaveBest, WatchesOtherNumbers) {
  const TempDir dir;
  const SaveBest worst{.path = dir / "worst.safetensors", .monitor = "val_loss", .mode = MonitorMode::max};
  UpAndDown training;
  const History history = training.fit(worst);
  double largest = 0;
  for (const EpochRecord& record : history.epochs) largest = std::max(largest, record.validation.loss);
  EXPECT_EQ(history.epochs[size_t(history.saved_epoch - 1)].validation.loss, largest);
  EXPECT_GT(history.saved_epoch, 3);
  const SaveBest of_training{.path = dir / "train.safetensors", .monitor = "loss"};
  UpAndDown trained;
  const History second = trained.fit(of_training, [](FitOptions& options) { options.validation = nullptr; });
  double least = second.epochs[0].train.loss;
  for (const EpochRecord& record : second.epochs) least = std::min(least, record.train.loss);
  EXPECT_EQ(second.epochs[size_t(second.saved_epoch - 1)].train.loss, least);
}

/// The best epoch is not forgotten where the training goes on, in this trainer or from a checkpoint.
TEST(SaveBest, GoesOnWhereTheTrainingDoes) {
  for (const bool from_checkpoint : {false, true}) {
    const TempDir dir;
    const SaveBest best{.path = dir / "best.safetensors"};
    UpAndDown first, second;
    const auto change = [&](FitOptions& options) { options.checkpoint = dir / "last.safetensors"; };
    EXPECT_EQ(first.fit(best, change).saved_epoch, 3);
    const std::string bytes = read_bytes(best.path);
    if (from_checkpoint) {
      second.run.net.infer_shapes({1, 2});
      second.run.trainer.load_checkpoint(dir / "last.safetensors");
    }
    const auto go_on = [&](const SaveBest& with) {
      UpAndDown& training = from_checkpoint ? second : first;
      return training.fit(with,
                          [&](FitOptions& options) { options.epochs = training.run.trainer.epoch() + 1; });
    };
    EXPECT_EQ(go_on(best).saved_epoch, 3);
    EXPECT_TRUE(read_bytes(best.path) == bytes);
    EXPECT_EQ(go_on({.path = dir / "other.safetensors"}).saved_epoch, 8);  // there was none yet
    EXPECT_EQ(go_on({.path = best.path, .monitor = Monitor::accuracy}).saved_epoch, 9);
    EXPECT_FALSE(read_bytes(best.path) == bytes);
  }
}

TEST(SaveBest, ResumingGivesTheFileOfNotHavingStopped) {
  const TempDir dir;
  const SaveBest whole{.path = dir / "whole.safetensors"}, parts{.path = dir / "parts.safetensors"};
  UpAndDown straight;
  EXPECT_EQ(straight.fit(whole).saved_epoch, 3);
  UpAndDown stopped;
  const std::string last = dir / "last.safetensors";
  const History history = stopped.fit(parts, [&](FitOptions& options) {
    options.checkpoint = last;
    options.on_epoch = [&, rest = options.on_epoch](const EpochRecord& record) {
      rest(record);
      if (record.epoch == 2) std::raise(SIGINT);
    };
  });
  EXPECT_TRUE(history.interrupted);
  EXPECT_EQ(history.saved_epoch, 2);
  UpAndDown resumed;
  resumed.run.net.infer_shapes({1, 2});
  resumed.run.trainer.load_checkpoint(last);
  EXPECT_EQ(resumed.fit(parts).saved_epoch, 3);
  EXPECT_TRUE(read_bytes(parts.path) == read_bytes(whole.path));
}

TEST(SaveBest, RefusesWhatMakesNoSense) {
  const TempDir dir;
  UpAndDown training;
  const SaveBest best{.path = dir / "best.safetensors"};
  expect_throw<ValueError>([&] { training.fit({}); }, {"fit: save_best needs a path"});
  expect_throw<ValueError>(
      [&] { training.fit(best, [&](FitOptions& options) { options.checkpoint = best.path; }); },
      {"fit: save_best needs a file of its own, not '", "best.safetensors' of the checkpoint"});
  expect_throw<IoError>([&] { training.fit({.path = "/nowhere/best"}); }, {"/nowhere/best"});
  expect_throw<ValueError>([&] { training.fit({.path = best.path, .monitor = "val_f1"}); },
                           {"there is no 'f1' to monitor; there are loss, accuracy"});
  EXPECT_EQ(training.run.trainer.epoch(), 0);
  EXPECT_EQ(dir.entries(), 0u);
}

}  // namespace
}  // namespace dlengine::test

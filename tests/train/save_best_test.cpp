// The file of the best epoch.
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <stdexcept>

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
  const SaveBest best{.path = dir / "best.safetensors"};  // of both, as its path stands in it
  UpAndDown straight;
  EXPECT_EQ(straight.fit(best).saved_epoch, 3);
  const std::string whole = read_bytes(best.path);
  std::filesystem::remove(best.path);
  UpAndDown stopped;
  const std::string last = dir / "last.safetensors";
  const History history = stopped.fit(best, [&](FitOptions& options) {
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
  EXPECT_EQ(resumed.fit(best).saved_epoch, 3);
  EXPECT_TRUE(read_bytes(best.path) == whole);
}

/// A file that is there but not the one of the best epoch is no reason to keep it.
TEST(SaveBest, AnotherFileIsBegunAnew) {
  for (const bool other_path : {false, true}) {
    for (const bool from_checkpoint : {false, true}) {
      const TempDir dir;
      const SaveBest best{.path = dir / "best.safetensors"};
      const SaveBest other{.path = other_path ? dir / "other.safetensors" : best.path,
                           .save_weights_only = !other_path};
      UpAndDown training, resumed;
      training.fit(best, [&](FitOptions& options) { options.checkpoint = dir / "last.safetensors"; });
      if (from_checkpoint) {
        resumed.run.net.infer_shapes({1, 2});
        resumed.run.trainer.load_checkpoint(dir / "last.safetensors");
      }
      std::ofstream(other.path) << "of another training";
      UpAndDown& later = from_checkpoint ? resumed : training;
      EXPECT_EQ(later.fit(other, [](FitOptions& options) { options.epochs = 7; }).saved_epoch, 7);
      if (other.save_weights_only) {
        EXPECT_EQ(loaded_weights(other.path), later.after[7]);
      }
    }
  }
}

/// A checkpoint that on_epoch saves of epoch 3, the best one, knows that it is.
TEST(SaveBest, IsJudgedBeforeOnEpoch) {
  const TempDir dir;
  const SaveBest best{.path = dir / "best.safetensors"};
  const std::string own = dir / "own.safetensors";
  UpAndDown training;
  training.fit(best, [&](FitOptions& options) {
    options.on_epoch = [&, rest = options.on_epoch](const EpochRecord& record) {
      rest(record);
      if (record.epoch == 3) training.run.trainer.save_checkpoint(own);
    };
  });
  EXPECT_TRUE(read_bytes(own) == read_bytes(best.path));
  UpAndDown resumed;
  resumed.run.net.infer_shapes({1, 2});
  resumed.run.trainer.load_checkpoint(own);
  EXPECT_EQ(resumed.fit(best).saved_epoch, 3);
  EXPECT_TRUE(read_bytes(own) == read_bytes(best.path));
}

TEST(SaveBest, AnEpochWhoseOnEpochThrowsIsNoneThatWasSaved) {
  const TempDir dir;
  const SaveBest best{.path = dir / "best.safetensors"};
  UpAndDown training;
  const auto change = [&](FitOptions& options) {
    options.on_epoch = [](const EpochRecord& record) {
      if (record.epoch == 3) throw std::runtime_error("enough");
    };
  };
  EXPECT_THROW(training.fit(best, change), std::runtime_error);
  EXPECT_EQ(training.fit(best, [](FitOptions& options) { options.epochs = 3; }).saved_epoch, 2);
}

TEST(SaveBest, TellsOfAnEarlierFileWhereNoEpochWasTrained) {
  const TempDir dir;
  const SaveBest best{.path = dir / "best.safetensors"};
  UpAndDown training;
  EXPECT_EQ(training.fit(best).saved_epoch, 3);
  const History history = training.fit(best);
  EXPECT_TRUE(history.epochs.empty());
  EXPECT_EQ(history.saved_epoch, 3);
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

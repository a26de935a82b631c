// What fit() does around its epochs: held-out samples, an early end, tables.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <limits>
#include <sstream>

#include "dlengine/core/ops.h"
#include "dlengine/train/csv_log.h"
#include "dlengine/train/curves.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"
#include "tests/support/temp_dir.h"
#include "tests/support/xml.h"
#include "tests/train/small_problem.h"

namespace dlengine::test {
namespace {

using testing::HasSubstr;

// --- validation_split ---

TEST(ValidationSplit, HoldsOutTheLastSamples) {
  for (const Device device : devices()) {
    SCOPED_TRACE(to_string(device));
    TrainerOptions options = quiet();
    options.device = device;
    const TensorDataset data = three_clouds();
    SmallTraining split(1, options);
    const History got = split.trainer.fit(data, {.epochs = 3, .batch_size = 8, .validation_split = 0.2});
    SmallTraining by_hand(1, options);
    const Subset first(data, 0, 24), last(data, 24, 30);
    const History want = by_hand.trainer.fit(first, {.epochs = 3, .batch_size = 8, .validation = &last});
    EXPECT_EQ(weights(split.net), weights(by_hand.net));
    for (size_t i = 0; i < 3; ++i) {
      EXPECT_EQ(got.epochs[i].train.samples, 24);
      EXPECT_EQ(got.epochs[i].validation.samples, 6);
      EXPECT_EQ(got.epochs[i].validation.loss, want.epochs[i].validation.loss);
    }
  }
}

TEST(ValidationSplit, RoundsAsKerasDoes) {
  const TensorDataset data = three_clouds(10);
  for (const auto& [share, held_out] : {std::pair{0.1, 1}, {0.25, 3}, {0.3, 3}, {0.89, 9}}) {
    SmallTraining run;
    EXPECT_EQ(run.trainer.fit(data, {.validation_split = share}).epochs[0].validation.samples, held_out)
        << share;
  }
}

TEST(ValidationSplit, RefusesWhatMakesNoSense) {
  SmallTraining run;
  const TensorDataset data = three_clouds(10);
  expect_throw<ValueError>([&] { run.trainer.fit(data, {.validation_split = -0.1}); },
                           {"fit: need 0 <= validation_split < 1, got -0.1"});
  expect_throw<ValueError>([&] { run.trainer.fit(data, {.validation_split = 1}); },
                           {"validation_split < 1, got 1"});
  expect_throw<ValueError>([&] { run.trainer.fit(data, {.validation_split = 0.99}); },
                           {"validation_split 0.99 of 10 samples leaves a part without any"});
  expect_throw<ValueError>([&] { run.trainer.fit(data, {.validation = &data, .validation_split = 0.5}); },
                           {"either validation or validation_split"});
}

// --- Early stopping ---

EpochRecord epoch(int64_t number, double loss, double accuracy = 0) {
  EpochRecord record;
  record.epoch = number;
  record.validation = {.loss = loss, .accuracy = accuracy, .classes = true, .samples = 1};
  return record;
}

/// After which epoch of these losses a training would end; 0: after none.
int64_t ends_after(const std::vector<double>& losses, const EarlyStopping& options) {
  Sequential net = small_net();
  EarlyStopper stopper(net, options);
  for (size_t i = 0; i < losses.size(); ++i) {
    if (stopper.over(epoch(int64_t(i) + 1, losses[i]))) return int64_t(i) + 1;
  }
  return 0;
}

TEST(EarlyStopping, WaitsForItsPatienceAsKerasDoes) {
  const std::vector<double> losses = {5, 4, 4.5, 4.2, 3, 3.1, 3.05, 3.02, 2};
  EXPECT_EQ(ends_after(losses, {}), 3);  // the first that is not better
  EXPECT_EQ(ends_after(losses, {.patience = 1}), 3);
  EXPECT_EQ(ends_after(losses, {.patience = 2}), 4);
  EXPECT_EQ(ends_after(losses, {.patience = 3}), 8);
  EXPECT_EQ(ends_after(losses, {.patience = 4}), 0);
  EXPECT_EQ(ends_after(losses, {.min_delta = 1, .patience = 2}), 3);  // 4 is not better than 5 by more than 1
  EXPECT_EQ(ends_after({1, 1}, {}), 2);
}

TEST(EarlyStopping, PassesOverNumbersThatAreNone) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(ends_after({nan, 0.5, 0.33, 0.25}, {.patience = 3}), 0);
  EXPECT_EQ(ends_after({nan, 0.5, nan, 0.6, 0.7}, {.patience = 3}), 5);
  EXPECT_EQ(ends_after({nan, nan, nan}, {.patience = 2}), 2);
  EXPECT_EQ(ends_after({nan, 1, 0.5}, {}), 0);  // Keras ends after no first epoch
  EXPECT_EQ(ends_after({nan, nan}, {}), 2);
  Sequential net = small_net();
  EarlyStopper stopper(net, {.patience = 9});
  stopper.over(epoch(1, nan));
  EXPECT_EQ(stopper.best_epoch(), 0);
  stopper.over(epoch(2, 1));
  EXPECT_EQ(stopper.best_epoch(), 2);
}

TEST(EarlyStopping, NoticesBeforeTheFirstEpochThatThereIsNoAccuracy) {
  const TensorDataset data(three_clouds().x(), three_clouds().x());
  for (const Accuracy accuracy : {Accuracy::automatic, Accuracy::none}) {
    manual_seed(1);
    Sequential net(Linear({.out_features = 2}));
    SGD optimizer;
    TrainerOptions trainer_options = quiet();
    trainer_options.accuracy = accuracy;
    Trainer trainer(net, MSELoss(), optimizer, trainer_options);
    FitOptions options{.epochs = 2};
    options.early_stopping = EarlyStopping{.monitor = Monitor::accuracy};
    expect_throw<ValueError>([&] { trainer.fit(data, options); }, {"no accuracy to monitor"});
    EXPECT_EQ(trainer.epoch(), 0);
    EXPECT_EQ(optimizer.step_count(), 0);
  }
}

TEST(EarlyStopping, AfterCtrlCTheWeightsStayThoseToGoOnFrom) {
  const TensorDataset data = three_clouds();
  SmallTraining run;
  std::vector<float> last;
  FitOptions options{.epochs = 9, .batch_size = 8, .validation = &data};
  options.early_stopping = EarlyStopping{.patience = 5, .restore_best_weights = true};
  options.on_epoch = [&](const EpochRecord& record) {
    if (record.epoch == 3) run.optimizer.set_lr(3);  // from here on it gets worse
    last = weights(run.net);
    if (record.epoch == 5) std::raise(SIGINT);
  };
  const History history = run.trainer.fit(data, options);
  EXPECT_TRUE(history.interrupted);
  EXPECT_EQ(history.best_epoch, 3);
  EXPECT_EQ(weights(run.net), last);
}

TEST(EarlyStopping, MonitorsAccuracyToo) {
  Sequential net = small_net();
  EarlyStopper stopper(net, {.monitor = Monitor::accuracy, .patience = 2});
  EXPECT_FALSE(stopper.over(epoch(1, 1, 0.5)));
  EXPECT_FALSE(stopper.over(epoch(2, 2, 0.6)));
  EXPECT_FALSE(stopper.over(epoch(3, 0, 0.6)));
  EXPECT_TRUE(stopper.over(epoch(4, 0, 0.5)));
  EXPECT_EQ(stopper.best_epoch(), 2);
  EpochRecord regression = epoch(5, 1);
  regression.validation.classes = false;
  expect_throw<ValueError>([&] { stopper.over(regression); }, {"no accuracy to monitor"});
}

TEST(EarlyStopping, BringsTheBestWeightsBack) {
  for (const Device device : devices()) {
    for (const bool restore : {false, true}) {
      SCOPED_TRACE(to_string(device));
      TrainerOptions trainer = quiet();
      trainer.device = device;
      SmallTraining run(1, trainer);
      const TensorDataset data = three_clouds();
      std::vector<float> after_third;
      FitOptions options{.epochs = 20, .batch_size = 8, .validation = &data};
      options.early_stopping = EarlyStopping{.patience = 2, .restore_best_weights = restore};
      options.on_epoch = [&](const EpochRecord& record) {
        if (record.epoch == 3) {
          after_third = weights(run.net);
          run.optimizer.set_lr(3);  // from here on it gets worse
        }
      };
      const History history = run.trainer.fit(data, options);
      EXPECT_TRUE(history.stopped_early);
      EXPECT_EQ(history.best_epoch, 3);
      EXPECT_EQ(history.epochs.size(), 5u);
      EXPECT_EQ(run.trainer.epoch(), 5);
      EXPECT_EQ(weights(run.net) == after_third, restore);
    }
  }
}

TEST(EarlyStopping, WithoutValidationItLooksAtTheTraining) {
  SmallTraining run;
  FitOptions options{.epochs = 4, .batch_size = 8};
  options.early_stopping = EarlyStopping{.min_delta = 1e9, .patience = 2};
  EXPECT_EQ(run.trainer.fit(three_clouds(), options).epochs.size(), 3u);
}

TEST(EarlyStopping, ATrainingThatGetsBetterRunsToItsEnd) {
  SmallTraining run;
  FitOptions options{.epochs = 3, .batch_size = 8};
  options.early_stopping = EarlyStopping{.patience = 3};
  const History history = run.trainer.fit(three_clouds(), options);
  EXPECT_FALSE(history.stopped_early);
  EXPECT_EQ(history.epochs.size(), 3u);
}

TEST(EarlyStopping, RefusesNegativeNumbers) {
  SmallTraining run;
  FitOptions options;
  options.early_stopping = EarlyStopping{.patience = -1};
  expect_throw<ValueError>([&] { run.trainer.fit(three_clouds(), options); }, {"need patience >= 0, got -1"});
  options.early_stopping = EarlyStopping{.min_delta = -1};
  expect_throw<ValueError>([&] { run.trainer.fit(three_clouds(), options); },
                           {"need min_delta >= 0, got -1"});
  options.early_stopping = EarlyStopping{.min_delta = std::numeric_limits<double>::infinity()};
  expect_throw<ValueError>([&] { run.trainer.fit(three_clouds(), options); },
                           {"need min_delta >= 0, got inf"});
}

TEST(EarlyStopping, DoesNotBringWeightsBackThatWereNotTheOnesEvaluated) {
  TrainerOptions trainer = quiet();
  trainer.average = 0.9;
  SmallTraining run(1, trainer);
  FitOptions options;
  options.early_stopping = EarlyStopping{.restore_best_weights = true};
  expect_throw<ValueError>([&] { run.trainer.fit(three_clouds(), options); },
                           {"where their average is evaluated"});
  options.early_stopping = EarlyStopping{};
  run.trainer.fit(three_clouds(), options);
}

TEST(StopTraining, EndsAfterTheEpoch) {
  const TempDir dir;
  SmallTraining run;
  FitOptions options{.epochs = 5, .batch_size = 8, .checkpoint = dir / "stopped.safetensors"};
  options.on_epoch = [&](const EpochRecord& record) {
    if (record.epoch == 2) run.trainer.stop_training();
  };
  History history = run.trainer.fit(three_clouds(), options);
  EXPECT_EQ(history.epochs.size(), 2u);
  EXPECT_TRUE(history.stopped_early);
  EXPECT_FALSE(history.interrupted);
  SmallTraining resumed;
  resumed.net.infer_shapes({1, 2});
  resumed.trainer.load_checkpoint(options.checkpoint);
  EXPECT_EQ(resumed.trainer.epoch(), 2);
  run.trainer.stop_training();  // outside of fit(): nothing to stop
  history = run.trainer.fit(three_clouds(), options);
  EXPECT_EQ(history.epochs.size(), 3u);
  EXPECT_FALSE(history.stopped_early);
}

TEST(StopTraining, BringsTheBestWeightsBackAsEarlyStoppingDoes) {
  SmallTraining run;
  std::vector<float> best;
  FitOptions options{.epochs = 9, .batch_size = 8};
  options.early_stopping = EarlyStopping{.patience = 5, .restore_best_weights = true};
  options.on_epoch = [&](const EpochRecord& record) {
    if (record.epoch == 2) {
      best = weights(run.net);
      run.optimizer.set_lr(3);  // from here on it gets worse
    }
    if (record.epoch == 4) run.trainer.stop_training();
  };
  const History history = run.trainer.fit(three_clouds(), options);
  EXPECT_EQ(history.epochs.size(), 4u);
  EXPECT_EQ(history.best_epoch, 2);
  EXPECT_EQ(weights(run.net), best);
}

// --- Tables and pictures ---

constexpr const char* kNames = "epoch,loss,accuracy,val_loss,val_accuracy,lr,seconds,samples_per_second\n";

TEST(Csv, HasACellForEachNumberThatIsThere) {
  const TempDir dir;
  History history;
  history.epochs.push_back(
      {.epoch = 1,
       .train = {.loss = 0.5, .accuracy = 0.75, .classes = true, .samples = 4, .seconds = 2},
       .validation = {.loss = 0.25, .accuracy = 1, .classes = true, .samples = 2},
       .lr = 0.001,
       .rate = 1234.4});
  history.epochs.push_back({.epoch = 2, .train = {.loss = 1e-7, .samples = 4, .seconds = 0.5}});
  save_csv(dir / "log.csv", history);
  EXPECT_EQ(read_bytes(dir / "log.csv"),
            std::string(kNames) + "1,0.5,0.75,0.25,1,0.001,2.000,1234\n2,1e-07,,,,0,0.500,0\n");
}

/// Lines of the table without the columns of time.
std::vector<std::string> timeless(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) {
    line.resize(line.rfind(','));
    lines.push_back(line.substr(0, line.rfind(',')));
  }
  return lines;
}

TEST(Csv, GrowsWithTheTrainingAlsoWhereItGoesOn) {
  const TempDir dir;
  const TensorDataset data = three_clouds();
  SmallTraining whole, parts;
  whole.trainer.fit(data, {.epochs = 3, .batch_size = 8, .validation = &data, .csv_log = dir / "whole.csv"});
  for (const int64_t epochs : {2, 3}) {
    manual_seed(1);  // dropout of each run draws from this thread's generator
    parts.trainer.fit(data,
                      {.epochs = epochs, .batch_size = 8, .validation = &data, .csv_log = dir / "parts.csv"});
    EXPECT_EQ(timeless(read_bytes(dir / "parts.csv")).size(), size_t(epochs) + 1);
  }
  EXPECT_EQ(timeless(read_bytes(dir / "whole.csv")).size(), 4u);
  EXPECT_THAT(read_bytes(dir / "whole.csv"), HasSubstr(kNames));
}

TEST(Csv, ATrainingFromTheStartBeginsATableAnew) {
  const TempDir dir;
  for (int i = 0; i < 2; ++i) {
    SmallTraining run;
    run.trainer.fit(three_clouds(), {.epochs = 2, .csv_log = dir / "log.csv"});
    EXPECT_EQ(timeless(read_bytes(dir / "log.csv")).size(), 3u);
  }
}

TEST(Csv, OtherFilesAreNotOverwritten) {
  const TempDir dir;
  write_bytes(dir / "notes.txt", "my notes\n");
  write_bytes(dir / "blank.txt", "\nmy notes\n");
  write_bytes(dir / "bad.csv", std::string(kNames) + "one,2\n");
  for (const int64_t epochs_before : {0, 1}) {
    SmallTraining run;
    if (epochs_before > 0) run.trainer.fit(three_clouds(), {.epochs = epochs_before});
    const auto fit = [&](const std::string& path) {
      run.trainer.fit(three_clouds(), {.epochs = 2, .csv_log = path});
    };
    expect_throw<IoError>([&] { fit(dir / "notes.txt"); },
                          {"notes.txt' is there and no table of epochs", "'my notes'"});
    expect_throw<IoError>([&] { fit(dir / "blank.txt"); }, {"its first line is ''"});
    expect_throw<IoError>([&] { fit(dir / "bad.csv"); }, {"does not begin with an epoch: 'one,2'"});
    expect_throw<IoError>([&] { fit("/nowhere/log.csv"); }, {"/nowhere/log.csv"});
    EXPECT_EQ(run.trainer.epoch(), epochs_before);
    EXPECT_EQ(read_bytes(dir / "notes.txt"), "my notes\n");
  }
}

TEST(Csv, AnEmptyFileIsATableThatHasNotBegun) {
  const TempDir dir;
  write_bytes(dir / "log.csv", "");
  SmallTraining run;
  run.trainer.fit(three_clouds(), {.epochs = 2, .csv_log = dir / "log.csv"});
  EXPECT_EQ(timeless(read_bytes(dir / "log.csv")).size(), 3u);
}

TEST(Curves, OfAHistoryAreLossAndAccuracy) {
  SmallTraining run;
  const TensorDataset data = three_clouds();
  Figure figure({.columns = 2});
  plot_history(figure, run.trainer.fit(data, {.epochs = 3, .validation = &data}), "three clouds");
  const std::string svg = figure.svg();
  EXPECT_EQ(xml_error(svg), "");
  for (const auto& [words, count] :
       {std::pair{">three clouds<", 2}, {">loss<", 1}, {">accuracy<", 1}, {">validation<", 2}}) {
    EXPECT_EQ(count_of(svg, words), count) << words;
  }
  Figure empty;
  plot_history(empty, {});
  EXPECT_EQ(xml_error(empty.svg()), "");
}

}  // namespace
}  // namespace dlengine::test

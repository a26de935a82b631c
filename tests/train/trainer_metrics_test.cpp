// Metrics that a trainer counts beside loss and accuracy, against plain loops over all samples.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <csignal>
#include <functional>

#include "dlengine/core/check.h"
#include "dlengine/core/ops.h"
#include "dlengine/train/csv_log.h"
#include "dlengine/train/curves.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"
#include "tests/support/temp_dir.h"
#include "tests/train/small_problem.h"

namespace dlengine::test {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr int64_t kSamples = 30, kOutputs = 4;

/// A metric of one's own that says all there is to say.
struct LargestOutput {
  static constexpr bool kReplayable = true;
  static constexpr MonitorMode kMode = MonitorMode::max;
  Tensor operator()(const Tensor& outputs, const Tensor&) const { return max(outputs); }
};

Tensor mean_of_outputs(const Tensor& outputs, const Tensor&) { return mean(outputs); }

/// What the metrics should come to, by name.
using Values = std::vector<MetricValue>;

/// A layer that does not learn, over labels of one kind, and the progress that was shown.
struct Fixed {
  explicit Fixed(Tensor labels)
      : net((manual_seed(5), Sequential(Linear({.in_features = 2, .out_features = kOutputs})))),
        data(randn({kSamples, 2}, 0, 2), std::move(labels)),
        outputs(net(data.x()).detach()) {}

  TrainerOptions options(std::vector<NamedMetric> metrics) {
    TrainerOptions result;
    result.progress_to = {.write = [this](std::string_view text) { shown += text; }};
    result.metrics = std::move(metrics);
    return result;
  }

  Sequential net;
  TensorDataset data;
  Tensor outputs;
  std::string shown = {};
};

void expect_values(const Metrics& metrics, const Values& want) {
  ASSERT_EQ(metrics.others.size(), want.size());
  for (size_t i = 0; i < want.size(); ++i) {
    EXPECT_EQ(metrics.others[i].name, want[i].name);
    EXPECT_NEAR(metrics.others[i].value, want[i].value, 1e-6 * (1 + std::abs(want[i].value))) << want[i].name;
    EXPECT_EQ(metrics.at(want[i].name), metrics.others[i].value);
  }
}

/// Training at rate 0, with validation, and evaluation give these values: on each device, replayed and not,
/// in batches of which the last is short, that lie on the device or come one by one.
void check_metrics(Fixed& fixed, const LossFunction& loss, const std::vector<NamedMetric>& metrics,
                   const Values& want) {
  for (const Device device : devices()) {
    for (const Replay replay : {Replay::automatic, Replay::never}) {
      for (const int64_t resident_bytes : {int64_t{1} << 20, int64_t{0}}) {
        SCOPED_TRACE(to_string(device) + (replay == Replay::never ? " eager" : " replayed"));
        TrainerOptions options = fixed.options(metrics);
        options.device = device;
        options.replay = replay;
        options.resident_bytes = resident_bytes;
        SGD optimizer({.lr = 0});
        Trainer trainer(fixed.net, loss, optimizer, options);
        const History history =
            trainer.fit(fixed.data, {.epochs = 3, .batch_size = 4, .validation = &fixed.data});
        for (const EpochRecord& record : history.epochs) {
          expect_values(record.train, want);
          expect_values(record.validation, want);
        }
        expect_values(trainer.evaluate(fixed.data, 7), want);
        EXPECT_THAT(fixed.shown, Not(HasSubstr("steps are not replayed")));
      }
    }
  }
}

TEST(TrainerMetrics, OfClasses) {
  manual_seed(2);
  Fixed fixed(argmax(randn({kSamples, kOutputs}), 1));
  const auto y = fixed.outputs.to_vector<double>();
  const auto labels = fixed.data.y().to_vector<int64_t>();
  double hits = 0;
  for (int64_t n = 0; n < kSamples; ++n) {
    int64_t larger = 0;
    for (int64_t c = 0; c < kOutputs; ++c) {
      larger += y[size_t(n * kOutputs + c)] > y[size_t(n * kOutputs + labels[size_t(n)])];
    }
    hits += larger < 2;
  }
  check_metrics(fixed, CrossEntropyLoss(), {{"top_2", TopKAccuracy{2}}, "top_k_categorical_accuracy"},
                {{"top_2", hits / kSamples}, {"top_k_categorical_accuracy", 1}});
}

TEST(TrainerMetrics, OfNumbers) {
  manual_seed(2);
  Fixed fixed(randn({kSamples, kOutputs}));
  const auto y = fixed.outputs.to_vector<double>(), t = fixed.data.y().to_vector<double>();
  double absolute = 0, square = 0, above = 0;
  for (size_t i = 0; i < y.size(); ++i) {
    absolute += std::abs(y[i] - t[i]) / double(y.size());
    square += std::pow(y[i] - t[i], 2) / double(y.size());
    above += double((y[i] > 0.3) == (t[i] > -0.2)) / double(y.size());
  }
  check_metrics(fixed, L1Loss(),
                {"mae", "mse", {"sides", BinaryAccuracy{{.threshold = 0.3, .label_threshold = -0.2}}}},
                {{"mae", absolute}, {"mse", square}, {"sides", above}});
}

TEST(TrainerMetrics, OfOnesOwnAreMeansOverSamples) {
  for (const Device device : devices()) {
    for (const Replay replay : {Replay::automatic, Replay::always, Replay::never}) {
      manual_seed(2);
      Fixed fixed(randn({kSamples, kOutputs}));
      TrainerOptions options = fixed.options({{"mean", mean_of_outputs}});
      options.device = device;
      options.replay = replay;
      SGD optimizer({.lr = 0});
      Trainer trainer(fixed.net, MSELoss(), optimizer, options);
      const double want = mean(fixed.outputs.to(DType::f64)).item<double>();
      expect_values(trainer.fit(fixed.data, {.epochs = 3, .batch_size = 4}).epochs[2].train,
                    {{"mean", want}});
      const auto reason = HasSubstr("not replayed: the metric 'mean' does not say that it is replayable");
      if (replay == Replay::automatic) {
        EXPECT_THAT(fixed.shown, reason);
      } else {
        EXPECT_THAT(fixed.shown, Not(reason));
      }
    }
  }
}

TEST(TrainerMetrics, ThatReadOnTheHostKeepStepsFromBeingReplayed) {
  Fixed fixed(randn({kSamples, kOutputs}));
  const auto read = [](const Tensor& outputs, const Tensor&) {
    return full({}, outputs.slice(1, 0, 1).slice(0, 0, 1).item<double>());
  };
  int calls = 0;
  TrainerOptions options = fixed.options({{"first", [&](const Tensor& y, const Tensor& t) {
                                             ++calls;
                                             return read(y, t);
                                           }}});
  options.replay = Replay::always;
  SGD optimizer({.lr = 0});
  Trainer trainer(fixed.net, MSELoss(), optimizer, options);
  trainer.fit(fixed.data, {.epochs = 3, .batch_size = 5});
  EXPECT_EQ(calls, 18);
  EXPECT_THAT(fixed.shown, HasSubstr("steps are not replayed: a step "));
}

TEST(TrainerMetrics, ChangeNoBitOfTheTraining) {
  for (const Device device : devices()) {
    std::vector<std::vector<float>> bits;
    for (const bool with : {false, true}) {
      for (const Replay replay : {Replay::automatic, Replay::never}) {
        TrainerOptions options = quiet();
        options.device = device;
        options.replay = replay;
        options.accumulate = 3;
        if (with) options.metrics = {{"top_2", TopKAccuracy{2}}, {"largest", LargestOutput()}};
        SmallTraining run(1, options);
        const History history = run.trainer.fit(three_clouds(), {.epochs = 4, .batch_size = 4});
        bits.push_back(weights(run.net));
        for (const EpochRecord& record : history.epochs) {
          bits.back().push_back(float(record.train.loss));
          bits.back().push_back(float(record.train.accuracy));
        }
      }
    }
    for (const auto& other : bits) EXPECT_EQ(other, bits[0]);
  }
}

TEST(TrainerMetrics, GiveTheBitsOfStepsThatRunAsUsual) {
  for (const Device device : devices()) {
    std::vector<std::vector<double>> values;
    for (const Replay replay : {Replay::automatic, Replay::never}) {
      TrainerOptions options = quiet();
      options.device = device;
      options.replay = replay;
      options.metrics = {{"top_2", TopKAccuracy{2}}, {"largest", LargestOutput()}};
      SmallTraining run(1, options);
      auto& row = values.emplace_back();
      for (const EpochRecord& record :
           run.trainer.fit(three_clouds(), {.epochs = 5, .batch_size = 4}).epochs) {
        for (const MetricValue& other : record.train.others) row.push_back(other.value);
      }
      EXPECT_NE(row[1], row[3]);  // it does learn
    }
    EXPECT_EQ(values[0], values[1]);
  }
}

/// Raises SIGINT in its n-th call, and leaves a class out.
struct InterruptingLoss {
  int n;
  int calls = 0;
  std::optional<int64_t> ignore_index() const { return 2; }
  Tensor operator()(const Tensor& output, const Tensor& target) {
    if (++calls == n) std::raise(SIGINT);
    return CrossEntropyLoss({.ignore_index = 2})(output, target);
  }
};

TEST(TrainerMetrics, GoOnInAnEpochThatWasLeft) {
  const TempDir dir;
  const std::string path = dir / "left.safetensors";
  const std::vector<NamedMetric> metrics = {{"top_2", TopKAccuracy{2}}, {"largest", LargestOutput()}};
  const auto train = [&](SmallTraining& run, int interrupted_in, const std::vector<NamedMetric>& with) {
    TrainerOptions options = quiet();
    options.metrics = with;
    Trainer trainer(run.net, InterruptingLoss{interrupted_in}, run.optimizer, options);
    if (interrupted_in == 0) {
      run.net.infer_shapes({1, 2});
      trainer.load_checkpoint(path);
    }
    return trainer.fit(three_clouds(), {.epochs = 2, .batch_size = 8, .checkpoint = path});
  };
  SmallTraining straight(1), stopped(1), resumed(99);
  manual_seed(1);
  const History whole = train(straight, -1, metrics);
  manual_seed(1);
  EXPECT_TRUE(train(stopped, 6, metrics).interrupted);
  expect_throw<ValueError>([&] { train(resumed, 0, {"mae"}); },
                           {path, "begun with the metrics [top_2,largest] and cannot go on with [mae]"});
  SafetensorsFile left = load_safetensors(path);
  for (const bool older : {false, true}) {  // files had the answers of a sample, and how many are ignored
    if (older) {
      left.metadata["ignored"] =
          fmt::format("{}", std::stoi(left.metadata["samples"]) - std::stoi(left.metadata["answers"]));
      left.metadata.erase("answers");
    }
    save_safetensors(path, left.tensors, left.metadata);
    const History rest = train(resumed, 0, metrics);
    EXPECT_EQ(weights(resumed.net), weights(straight.net));
    ASSERT_EQ(rest.epochs.size(), 1u);
    EXPECT_EQ(rest.epochs[0].train.accuracy, whole.epochs[1].train.accuracy);
    for (size_t i = 0; i < 2; ++i) {
      EXPECT_EQ(rest.epochs[0].train.others[i].value, whole.epochs[1].train.others[i].value);
    }
  }
  train(resumed, 0, {"top_k_categorical_accuracy"});  // between epochs nothing is left of the others
}

TEST(TrainerMetrics, StandInProgressTableAndPictures) {
  const TempDir dir;
  manual_seed(2);
  Fixed fixed(randn({kSamples, kOutputs}));
  SGD optimizer({.lr = 0});
  Trainer trainer(fixed.net, MSELoss(), optimizer, fixed.options({"mae", {"largest", LargestOutput()}}));
  FitOptions fit{.epochs = 1, .validation = &fixed.data, .csv_log = dir / "log.csv"};
  History history = trainer.fit(fixed.data, fit);
  const double mae = history.epochs[0].train.at("mae"), largest = history.epochs[0].train.at("largest");
  EXPECT_THAT(fixed.shown, HasSubstr(fmt::format("  mae {0:.4f}  largest {1:.4f}  val_loss ", mae, largest)));
  EXPECT_THAT(fixed.shown, HasSubstr(fmt::format("  val_mae {0:.4f}  val_largest {1:.4f}  ", mae, largest)));
  const std::string table = read_bytes(dir / "log.csv");
  EXPECT_THAT(table, HasSubstr(",samples_per_second,mae,val_mae,largest,val_largest\n1,"));
  EXPECT_THAT(table, HasSubstr(fmt::format(",{0:.6g},{0:.6g},{1:.6g},{1:.6g}\n", mae, largest)));
  save_csv(dir / "all.csv", history);
  EXPECT_EQ(read_bytes(dir / "all.csv"), table);
  Figure figure;
  plot_history(figure, history);
  EXPECT_THAT(figure.svg(), HasSubstr(">largest<"));
  fit.epochs = 2;
  trainer.fit(fixed.data, fit);
  Trainer other(fixed.net, MSELoss(), optimizer, fixed.options({"mse"}));
  other.fit(fixed.data, {.epochs = 1});
  expect_throw<IoError>([&] { other.fit(fixed.data, fit); }, {"log.csv' has other columns and cannot go on",
                                                              "mae,val_mae,largest", "mse,val_mse'"});
  fit.epochs = 1;
  Trainer anew(fixed.net, MSELoss(), optimizer, fixed.options({}));
  anew.fit(fixed.data, fit);
  EXPECT_THAT(read_bytes(dir / "log.csv"), Not(HasSubstr("mae")));
}

TEST(TrainerMetrics, NamesThatATableCannotHaveAreRefused) {
  SmallTraining run;
  const auto make = [&](const std::vector<NamedMetric>& metrics) {
    TrainerOptions options = quiet();
    options.metrics = metrics;
    Trainer(run.net, CrossEntropyLoss(), run.optimizer, options);
  };
  make({"mae", {"MAE", mean_absolute_error}});
  expect_throw<ValueError>([&] { make({"mae", "mae"}); }, {"metrics: 'mae' is given twice"});
  expect_throw<ValueError>(
      [&] { make({"accuracy"}); },
      {"'accuracy' is reported without being asked for, as TrainerOptions::accuracy says"});
  expect_throw<ValueError>([&] { make({{"lr", mean_of_outputs}}); }, {"'lr' is reported without"});
  expect_throw<ValueError>([&] { make({{"val_x", mean_of_outputs}}); }, {"'val_x' begins as a number of"});
  for (const char* name : {"", "a,b", "a\nb", "a\"b"}) {
    expect_throw<ValueError>([&] { make({{name, mean_of_outputs}}); }, {"without commas, quotes"});
  }
  expect_throw<ValueError>([&] { make({"f1"}); }, {"make_metric: there are accuracy, ", "not 'f1'"});
}

TEST(TrainerMetrics, ErrorsNameTheMetric) {
  SmallTraining run;
  const auto fit = [&](const NamedMetric& metric) {
    TrainerOptions options = quiet();
    options.metrics = {metric};
    Trainer(run.net, CrossEntropyLoss(), run.optimizer, options).fit(three_clouds());
  };
  expect_throw<ShapeError>(
      [&] {
        fit({"all", [](const Tensor& y, const Tensor&) { return y; }});
      },
      {"metric 'all': need a result of one element, got [30, 3]"});
  expect_throw<ValueError>(
      [&] {
        fit({"none", [](const Tensor&, const Tensor&) { return Tensor(); }});
      },
      {"metric 'none': the result is undefined"});
  expect_throw<ShapeError>([&] { fit("mae"); }, {"metric 'mae': ", "[30, 3]", "[30]"});
  expect_throw<ValueError>([&] { Metrics{}.at("mae"); }, {"metrics: there are loss, not 'mae'"});
  const Metrics some{.classes = true, .others = {{"mae", 1}}};
  expect_throw<ValueError>([&] { some.at("mse"); }, {"there are loss, accuracy, mae, not 'mse'"});
}

TEST(TrainerMetrics, AreWatchedByEarlyStopping) {
  const TensorDataset data = three_clouds();
  TrainerOptions trainer_options = quiet();
  trainer_options.metrics = {
      {"top_2", TopKAccuracy{2}}, {"largest", LargestOutput()}, {"mean", mean_of_outputs}};
  SmallTraining run(1, trainer_options);
  const auto fit = [&](const EarlyStopping& stopping, bool validated = true) {
    FitOptions options{.epochs = run.trainer.epoch() + 20, .batch_size = 8};
    if (validated) options.validation = &data;
    options.early_stopping = stopping;
    return run.trainer.fit(data, options);
  };
  const auto of = [](const EpochRecord& record) { return record.validation.at("largest"); };
  const History history = fit({.monitor = "val_largest", .patience = 3});  // more of it is better
  EXPECT_EQ(history.best_epoch, run.trainer.epoch());
  EXPECT_GT(of(history.epochs.back()), of(history.epochs.front()));
  EXPECT_EQ(fit({.monitor = "val_largest", .mode = MonitorMode::min, .patience = 2}).best_epoch, 21);
  EXPECT_EQ(fit({.monitor = "largest", .mode = MonitorMode::min, .patience = 2}, false).best_epoch, 24);
  const int64_t before = run.trainer.epoch();
  expect_throw<ValueError>([&] { fit({.monitor = "val_f1"}); },
                           {"there is no 'f1' to monitor; there are loss, accuracy, top_2, largest, mean"});
  expect_throw<ValueError>([&] { fit({.monitor = "val_largest"}, false); },
                           {"there are no validation data for 'val_largest'"});
  expect_throw<ValueError>([&] { fit({.monitor = "mean"}); },
                           {"whether less or more of 'mean' is better has to be said: mode min or max"});
  EXPECT_EQ(run.trainer.epoch(), before);
}

}  // namespace
}  // namespace dlengine::test

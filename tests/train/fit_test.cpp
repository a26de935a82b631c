// Trainer::fit: what it learns, reports and refuses.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "dlengine/core/ops.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"
#include "tests/train/small_problem.h"

namespace dlengine::test {
namespace {

using testing::ElementsAre;

TEST(Fit, LearnsASmallProblemOnEveryDevice) {
  for (const Device device : devices()) {
    SCOPED_TRACE(to_string(device));
    TrainerOptions options = quiet();
    options.device = device;
    SmallTraining run(1, options);
    const TensorDataset data = three_clouds();
    const History history = run.trainer.fit(data, {.epochs = 40, .batch_size = 8, .validation = &data});
    ASSERT_EQ(history.epochs.size(), 40u);
    const EpochRecord& first = history.epochs.front();
    const EpochRecord& last = history.epochs.back();
    EXPECT_LT(last.train.loss, 0.5 * first.train.loss);
    EXPECT_EQ(last.validation.accuracy, 1);
    EXPECT_LT(last.validation.loss, 0.2);
  }
}

TEST(Fit, ReportsEveryEpoch) {
  SmallTraining run;
  const TensorDataset data = three_clouds();
  const TensorDataset other = three_clouds(9);
  const History history = run.trainer.fit(data, {.epochs = 3, .batch_size = 8, .validation = &other});
  EXPECT_FALSE(history.interrupted);
  ASSERT_EQ(history.epochs.size(), 3u);
  for (int64_t i = 0; i < 3; ++i) {
    const EpochRecord& record = history.epochs[size_t(i)];
    EXPECT_EQ(record.epoch, i + 1);
    EXPECT_EQ(record.train.samples, 30);
    EXPECT_TRUE(record.train.classes);
    EXPECT_EQ(record.validation.samples, 9);
    EXPECT_EQ(record.lr, 0.01);
    EXPECT_GT(record.train.seconds, 0);
    EXPECT_GT(record.rate, 0);
  }
  EXPECT_EQ(run.trainer.epoch(), 3);
}

TEST(Fit, CallsBackAfterEveryEpoch) {
  SmallTraining run;
  std::vector<int64_t> epochs;
  FitOptions options{.epochs = 3};
  options.on_epoch = [&](const EpochRecord& record) {
    epochs.push_back(record.epoch);
    EXPECT_EQ(run.trainer.epoch(), record.epoch);
  };
  run.trainer.fit(three_clouds(), options);
  EXPECT_THAT(epochs, ElementsAre(1, 2, 3));
}

TEST(Fit, GoesOnToTheEpochAskedFor) {
  SmallTraining run;
  const TensorDataset data = three_clouds();
  EXPECT_EQ(run.trainer.fit(data, {.epochs = 2}).epochs.size(), 2u);
  EXPECT_EQ(run.trainer.fit(data, {.epochs = 5}).epochs.size(), 3u);
  EXPECT_EQ(run.trainer.fit(data, {.epochs = 5}).epochs.size(), 0u);
}

TEST(Fit, SaysThatItsEpochsAreDone) {
  std::string written;
  TrainerOptions options;
  options.progress_to = {.write = [&](std::string_view text) { written += text; }};
  SmallTraining run(1, options);
  for (const int64_t epochs : {3, 3, 2}) {
    written.clear();
    run.trainer.fit(three_clouds(), {.epochs = epochs});
  }
  EXPECT_EQ(written,
            "nothing to train: epoch 3 is done, and FitOptions::epochs, the number of the last one, is 2\n");
}

/// All that a training of three epochs leaves: each has 18 full batches and a shorter one.
struct Outcome {
  std::vector<float> weights;
  std::vector<double> losses;
  bool operator==(const Outcome&) const = default;
};

Outcome train(const Dataset& data, const TrainerOptions& trainer) {
  SmallTraining run(4, trainer);
  FitOptions options{.epochs = 3, .batch_size = 3, .validation = &data};
  options.schedule = cosine_schedule(0.1);
  const History history = run.trainer.fit(data, options);
  Outcome outcome{weights(run.net), {}};
  for (const EpochRecord& record : history.epochs) {
    outcome.losses.push_back(record.train.loss);
    outcome.losses.push_back(record.validation.loss);
  }
  return outcome;
}

/// A data set of which the trainer knows no more than its samples.
class Opaque final : public Dataset {
 public:
  explicit Opaque(const Dataset& data) : data_(data) {}
  int64_t size() const override { return data_.size(); }
  Batch get(std::span<const int64_t> indices) const override { return data_.get(indices); }

 private:
  const Dataset& data_;
};

TEST(Fit, GivesTheSameBitsWhereverBatchesArePutTogether) {
  const TensorDataset data = three_clouds(56);
  for (const Device device : devices()) {
    SCOPED_TRACE(to_string(device));
    TrainerOptions options = quiet();
    options.device = device;
    const Outcome resident = train(data, options);
    EXPECT_TRUE(train(Opaque(data), options) == resident);
    options.resident_bytes = 56 * (2 * 4 + 8) - 1;  // one byte less than the samples have
    EXPECT_TRUE(train(data, options) == resident);
    options.replay = Replay::never;
    EXPECT_TRUE(train(data, options) == resident);
    options.resident_bytes += 1;
    EXPECT_TRUE(train(data, options) == resident);
  }
}

std::vector<float> weights_after_fit(uint64_t seed, uint64_t order_seed = 0) {
  TrainerOptions options = quiet();
  options.seed = order_seed;
  SmallTraining run(seed, options);
  run.trainer.fit(three_clouds(), {.epochs = 3, .batch_size = 8});
  return weights(run.net);
}

TEST(Fit, TwoRunsGiveTheSameBits) {
  EXPECT_EQ(weights_after_fit(1), weights_after_fit(1));
  EXPECT_NE(weights_after_fit(1), weights_after_fit(2));
}

TEST(Fit, TheTrainersSeedChoosesTheOrder) { EXPECT_NE(weights_after_fit(1, 0), weights_after_fit(1, 5)); }

TEST(Fit, FollowsTheSchedule) {
  SmallTraining run;
  std::vector<double> rates;
  const auto loss = [&](const Tensor& output, const Tensor& target) {
    rates.push_back(run.optimizer.lr());
    return cross_entropy(output, target);
  };
  Trainer trainer(run.net, loss, run.optimizer, quiet());
  FitOptions options{.epochs = 2, .batch_size = 15};
  options.schedule = [](int64_t step, int64_t total) { return double(step + 1) / double(total); };
  const History history = trainer.fit(three_clouds(), options);
  EXPECT_THAT(rates, ElementsAre(0.01 * 0.25, 0.01 * 0.5, 0.01 * 0.75, 0.01 * 1.0));
  EXPECT_EQ(history.epochs[0].lr, 0.01 * 0.5);
  EXPECT_EQ(run.optimizer.lr(), 0.01);  // its own rate again
}

TEST(Fit, TrainsInTrainingMode) {
  SmallTraining run;
  run.net.eval();
  const TensorDataset data = three_clouds();
  run.trainer.fit(data, {.validation = &data});
  EXPECT_TRUE(run.net.training());
  EXPECT_TRUE(run.net[2].training());
}

TEST(Fit, MeansCountEverySampleOnce) {
  // With a rate of 0 nothing moves and without dropout every batch size must see the same means.
  const TensorDataset data = three_clouds();
  for (const int64_t batch_size : {1, 7, 30, 64}) {
    SCOPED_TRACE(batch_size);
    manual_seed(3);
    Sequential net(Linear({.in_features = 2, .out_features = 3}));
    SGD optimizer(SgdOptions{.lr = 0});
    Trainer trainer(net, CrossEntropyLoss(), optimizer, quiet());
    const History history = trainer.fit(data, {.batch_size = batch_size});
    const Tensor logits = net(data.x());
    // Losses are f32 and come from sums of 3 terms; their mean is taken in f64.
    EXPECT_NEAR(history.epochs[0].train.loss, cross_entropy(logits, data.y()).item<double>(),
                30 * std::numeric_limits<float>::epsilon());
    EXPECT_EQ(history.epochs[0].train.accuracy,
              mean(equal(argmax(logits, 1), data.y()).to(DType::f64)).item<double>());
  }
}

TEST(Fit, OneHotLabelsCountLikeClasses) {
  const TensorDataset classes = three_clouds();
  const TensorDataset one_hot_data(classes.x(), one_hot(classes.y(), 3));
  SmallTraining first;
  const History a = first.trainer.fit(classes, {.epochs = 2, .batch_size = 8});
  SmallTraining second;
  const History b = second.trainer.fit(one_hot_data, {.epochs = 2, .batch_size = 8});
  EXPECT_EQ(a.epochs[1].train.accuracy, b.epochs[1].train.accuracy);
  EXPECT_TRUE(b.epochs[1].train.classes);
}

TEST(Fit, RegressionHasNoAccuracy) {
  const TensorDataset data(tensor({1, 2, 3}).reshape({3, 1}), tensor({2, 4, 6}).reshape({3, 1}));
  manual_seed(1);
  Sequential net(Linear({.out_features = 1}));
  SGD optimizer(SgdOptions{.lr = 0.05});
  Trainer trainer(net, MSELoss(), optimizer, quiet());
  const History history = trainer.fit(data, {.epochs = 50, .batch_size = 3});
  EXPECT_LT(history.epochs.back().train.loss, history.epochs.front().train.loss);
  EXPECT_FALSE(history.epochs.back().train.classes);
  EXPECT_EQ(history.epochs.back().train.accuracy, 0);
}

TEST(Fit, ShowsProgressOnlyWhereAskedTo) {
  for (const bool shown : {true, false}) {
    std::string written;
    TrainerOptions options;
    options.progress = shown;
    options.progress_to.write = [&](std::string_view text) { written += text; };
    options.progress_to.terminal = false;
    SmallTraining run(1, options);
    run.trainer.fit(three_clouds(), {.epochs = 2});
    EXPECT_EQ(std::count(written.begin(), written.end(), '\n'), shown ? 2 : 0);
    EXPECT_EQ(written.find("epoch 2/2  loss ") != std::string::npos, shown);
  }
}

TEST(Fit, RefusesSizesThatMakeNoSense) {
  SmallTraining run;
  const TensorDataset data = three_clouds();
  const TensorDataset nothing(zeros({0, 2}), zeros({0}, DType::i64));
  expect_throw<ValueError>([&] { run.trainer.fit(data, {.batch_size = 0}); },
                           {"fit: need batch_size >= 1, got 0"});
  expect_throw<ValueError>([&] { run.trainer.fit(data, {.epochs = 0}); }, {"fit: need epochs >= 1, got 0"});
  expect_throw<ValueError>([&] { run.trainer.fit(nothing); }, {"fit: the training data set is empty"});
  expect_throw<ValueError>([&] { run.trainer.fit(data, {.validation = &nothing}); },
                           {"fit: the validation data set is empty"});
}

TEST(Fit, RefusesALossOfManyElements) {
  SmallTraining run;
  Trainer trainer(run.net, CrossEntropyLoss(Reduction::none), run.optimizer, quiet());
  expect_throw<ShapeError>([&] { trainer.fit(three_clouds()); }, {"need a loss of one element, got [30]"});
}

TEST(Fit, RefusesLabelsOutOfRange) {
  SmallTraining run;
  const TensorDataset data(zeros({4, 2}), from_vector<int64_t>({0, 1, 3, 2}, {4}));
  EXPECT_THROW(run.trainer.fit(data), ValueError);
}

TEST(Fit, CountsTheSameWhereTheLossDoes) {
  for (const Device device : devices()) {
    for (const bool probabilities : {false, true}) {
      TensorDataset data = three_clouds();
      if (probabilities) data = TensorDataset(data.x(), one_hot(data.y(), 3));
      TrainerOptions options = quiet();
      options.device = device;
      options.accuracy = Accuracy::classes;
      std::vector<Metrics> metrics;
      for (const bool own : {false, true}) {
        manual_seed(1);
        Sequential net = small_net();
        Adam optimizer({.lr = 0.01});
        LossFunction loss = CrossEntropyLoss();
        EXPECT_TRUE(loss.counts());
        if (!own)
          loss = [](const Tensor& output, const Tensor& target) { return cross_entropy(output, target); };
        Trainer trainer(net, loss, optimizer, options);
        metrics.push_back(trainer.fit(data, {.epochs = 2, .batch_size = 8}).epochs.back().train);
        metrics.push_back(trainer.evaluate(data, 7));
      }
      for (const size_t i : {0, 1}) {
        EXPECT_EQ(metrics[i].loss, metrics[i + 2].loss);
        EXPECT_EQ(metrics[i].accuracy, metrics[i + 2].accuracy);
        EXPECT_TRUE(metrics[i].classes && metrics[i + 2].classes);
      }
    }
  }
}

TEST(Fit, SaysThatABatchOfIgnoredLabelsHasNoLoss) {
  SmallTraining run;
  Trainer trainer(run.net, CrossEntropyLoss({.ignore_index = 9}), run.optimizer, quiet());
  const TensorDataset ignored(three_clouds().x(), full({30}, 9, DType::i64));
  expect_throw<ValueError>(
      [&] { trainer.fit(ignored); },
      {"the loss is not finite in epoch 1, step 1 of 1 (nor is that of a batch of ignored "
       "labels alone)"});
}

TEST(Fit, NamesEpochAndStepOfALossThatIsNotFinite) {
  for (const double bad :
       {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    SmallTraining run;
    int calls = 0;
    const auto loss = [&](const Tensor& output, const Tensor& target) {
      return cross_entropy(output, target) * (++calls == 6 ? bad : 1.0);  // 4 steps an epoch
    };
    Trainer trainer(run.net, loss, run.optimizer, quiet());
    const TempFile file("nan.safetensors");
    const FitOptions options{.epochs = 3, .batch_size = 8, .checkpoint = file.path()};
    expect_throw<ValueError>([&] { trainer.fit(three_clouds(), options); },
                             {"the loss is not finite in epoch 2, step 2 of 4"});

    SmallTraining good;  // the checkpoint is that of the epoch before
    good.trainer.fit(three_clouds(), {.epochs = 1, .batch_size = 8});
    const TempFile expected("good.safetensors");
    good.trainer.save_checkpoint(expected.path());
    EXPECT_EQ(bytes_of(file.path()), bytes_of(expected.path()));
  }
}

TEST(Fit, NoticesWeightsThatTheLastStepSpoilt) {
  Sequential net(Linear({.in_features = 2, .out_features = 3}));
  SGD optimizer(SgdOptions{.lr = 1e300});
  Trainer trainer(net, CrossEntropyLoss(), optimizer, quiet());
  expect_throw<ValueError>([&] { trainer.fit(three_clouds(), {.batch_size = 30}); },
                           {"0.weight is not finite after epoch 1"});
}

}  // namespace
}  // namespace dlengine::test

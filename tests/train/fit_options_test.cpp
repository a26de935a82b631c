// Trainer::fit: short last batches, optimizers of other models, losses that must be called.
#include <gtest/gtest.h>

#include "dlengine/core/ops.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"
#include "tests/train/small_problem.h"

namespace dlengine::test {
namespace {

TEST(Fit, CanLeaveOutAShortLastBatch) {
  const TensorDataset data = three_clouds(56), whole = three_clouds(54);
  for (const Device device : devices()) {
    SCOPED_TRACE(to_string(device));
    std::vector<std::vector<float>> outcomes;
    for (const int64_t resident : {int64_t{0}, int64_t{1} << 20}) {
      for (const Replay replay : {Replay::automatic, Replay::never}) {
        TrainerOptions options = quiet();
        options.device = device;
        options.resident_bytes = resident;
        options.replay = replay;
        SmallTraining run(4, options);
        const History history =
            run.trainer.fit(data, {.epochs = 4, .batch_size = 6, .validation = &data, .drop_last = true});
        EXPECT_EQ(history.epochs.back().train.samples, 54);
        EXPECT_EQ(history.epochs.back().validation.samples, 56);
        EXPECT_EQ(run.optimizer.step_count(), 4 * 9);
        outcomes.push_back(weights(run.net));
      }
    }
    for (const auto& outcome : outcomes) EXPECT_EQ(outcome, outcomes[0]);
  }
  SmallTraining run;
  run.trainer.fit(data, {.batch_size = 6, .shuffle = false, .drop_last = true});
  SmallTraining other;
  other.trainer.fit(whole, {.batch_size = 6, .shuffle = false});
  EXPECT_EQ(weights(run.net), weights(other.net));
}

TEST(Fit, NamesDropLastWhereAShortBatchFails) {
  for (const Device device : devices()) {
    TrainerOptions options = quiet();
    options.device = device;
    const auto fit = [&](int64_t samples, bool drop_last) {
      Sequential net(Linear({.in_features = 2, .out_features = 4}), BatchNorm1d(),
                     Linear({.in_features = 4, .out_features = 3}));
      Adam optimizer;
      Trainer trainer(net, CrossEntropyLoss(), optimizer, options);
      trainer.fit(three_clouds(samples), {.batch_size = 8, .drop_last = drop_last});
    };
    expect_throw<ValueError>([&] { fit(17, false); },
                             {"in the last batch, of size 1 (FitOptions::drop_last leaves it out)",
                              "batch_norm: a batch with one value"});
    fit(17, true);
    try {
      fit(1, false);
      ADD_FAILURE();
    } catch (const ValueError& error) {  // there is no other batch
      EXPECT_EQ(std::string(error.what()).find("drop_last"), std::string::npos);
    }
    expect_throw<ValueError>([&] { fit(7, true); },
                             {"fit: drop_last leaves no batch of 7 samples with batch_size 8"});
  }
}

TEST(Fit, RefusesAnOptimizerOfAnotherModel) {
  SmallTraining run;
  run.trainer.fit(three_clouds());
  Sequential other = small_net();
  Trainer trainer(other, CrossEntropyLoss(), run.optimizer, quiet());
  const std::vector<float> before = weights(run.net);
  expect_throw<ValueError>([&] { trainer.fit(three_clouds()); },
                           {"parameter 0 of the optimizer Adam, [16, 2], is not this model's"});
  expect_throw<ValueError>([&] { trainer.save_checkpoint("/nowhere"); }, {"is not this model's"});
  EXPECT_EQ(weights(run.net), before);
  EXPECT_GT(trainer.evaluate(three_clouds()).loss, 0);  // which needs no optimizer

  SGD part({run.net.parameters()[0]}, {.lr = 0.1});  // of this model, not all
  Trainer(run.net, CrossEntropyLoss(), part, quiet()).fit(three_clouds());
  EXPECT_NE(weights(run.net), before);
}

/// Says that it counts its calls.
struct CountingLoss {
  static constexpr bool kReplayable = false;
  int* calls;
  Tensor operator()(const Tensor& output, const Tensor& target) const {
    ++*calls;
    return cross_entropy(output, target);
  }
};

TEST(Fit, ALossSaysWhetherItIsReplayable) {
  int calls = 0;
  EXPECT_FALSE(LossFunction(CountingLoss{&calls}).replayable());
  EXPECT_TRUE(LossFunction(CrossEntropyLoss()).replayable());
  SmallTraining run;
  Trainer trainer(run.net, CountingLoss{&calls}, run.optimizer, quiet());
  trainer.fit(three_clouds(), {.epochs = 5, .batch_size = 6});
  EXPECT_EQ(calls, 25);
}

}  // namespace
}  // namespace dlengine::test

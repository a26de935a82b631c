// Checkpoints and Ctrl-C: going on must give the bits of not having stopped.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <fstream>

#include "dlengine/core/ops.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"
#include "tests/train/small_problem.h"

namespace dlengine::test {
namespace {

FitOptions four_epochs(const std::string& checkpoint) {
  FitOptions options{.epochs = 4, .batch_size = 8, .checkpoint = checkpoint};
  options.schedule = one_cycle_schedule();
  return options;
}

TrainerOptions on(Device device) {
  TrainerOptions options = quiet();
  options.device = device;
  options.seed = 3;
  return options;
}

TEST(Checkpoint, ResumingAfterAnEpochGivesTheBitsOfNotStopping) {
  for (const Device device : devices()) {
    SCOPED_TRACE(to_string(device));
    const TensorDataset data = three_clouds();
    const TempFile whole("whole.safetensors"), parts("parts.safetensors");
    SmallTraining straight(1, on(device));
    straight.trainer.fit(data, four_epochs(whole.path()));

    SmallTraining stopped(1, on(device));
    FitOptions options = four_epochs(parts.path());
    options.on_epoch = [](const EpochRecord& record) {
      if (record.epoch == 2) std::raise(SIGINT);
    };
    const History history = stopped.trainer.fit(data, options);
    EXPECT_TRUE(history.interrupted);
    EXPECT_EQ(history.epochs.size(), 2u);

    SmallTraining resumed(99, on(device));  // other weights, other random state
    resumed.net.infer_shapes({1, 2});
    resumed.trainer.load_checkpoint(parts.path());
    EXPECT_EQ(resumed.trainer.epoch(), 2);
    resumed.trainer.fit(data, four_epochs(parts.path()));
    EXPECT_EQ(weights(resumed.net), weights(straight.net));
    EXPECT_EQ(bytes_of(parts.path()), bytes_of(whole.path()));
  }
}

/// Raises SIGINT in its n-th call.
LossFunction interrupting_loss(int n) {
  return [n, calls = 0](const Tensor& output, const Tensor& target) mutable {
    if (++calls == n) std::raise(SIGINT);
    return cross_entropy(output, target);
  };
}

TEST(Checkpoint, ResumingInTheMiddleOfAnEpochToo) {
  const TensorDataset data = three_clouds();
  const TempFile whole("whole.safetensors"), parts("parts.safetensors");
  SmallTraining straight(1, on(kCpu));
  const History expected = straight.trainer.fit(data, four_epochs(whole.path()));

  SmallTraining stopped(1, on(kCpu));
  Trainer trainer(stopped.net, interrupting_loss(6), stopped.optimizer,
                  on(kCpu));  // the second of 4 steps in epoch 2
  const History history = trainer.fit(data, four_epochs(parts.path()));
  EXPECT_TRUE(history.interrupted);
  EXPECT_EQ(history.epochs.size(), 1u);
  EXPECT_EQ(trainer.epoch(), 1);

  SmallTraining resumed(99, on(kCpu));
  resumed.net.infer_shapes({1, 2});
  resumed.trainer.load_checkpoint(parts.path());
  const History rest = resumed.trainer.fit(data, four_epochs(parts.path()));
  EXPECT_EQ(bytes_of(parts.path()), bytes_of(whole.path()));
  ASSERT_EQ(rest.epochs.size(), 3u);
  EXPECT_EQ(rest.epochs[0].train.loss, expected.epochs[1].train.loss);  // the whole epoch's mean
  EXPECT_EQ(rest.epochs[0].train.samples, 30);
}

TEST(Checkpoint, TheInterruptedTrainerItselfGoesOnToo) {
  const TensorDataset data = three_clouds();
  SmallTraining straight(1, on(kCpu));
  straight.trainer.fit(data, four_epochs(""));
  SmallTraining stopped(1, on(kCpu));
  Trainer trainer(stopped.net, interrupting_loss(6), stopped.optimizer, on(kCpu));
  EXPECT_TRUE(trainer.fit(data, four_epochs("")).interrupted);
  EXPECT_FALSE(trainer.fit(data, four_epochs("")).interrupted);
  EXPECT_EQ(weights(stopped.net), weights(straight.net));
}

TEST(Checkpoint, AnEpochBegunNeedsItsBatchSize) {
  SmallTraining run;
  Trainer trainer(run.net, interrupting_loss(2), run.optimizer, quiet());
  trainer.fit(three_clouds(), {.batch_size = 8});
  expect_throw<ValueError>([&] { trainer.fit(three_clouds(), {.batch_size = 4}); },
                           {"epoch 1 was begun with batch_size 8 and cannot go on with 4"});
}

TEST(Checkpoint, KeepsTheRateThatACallbackChose) {
  const TensorDataset data = three_clouds();
  const TempFile file("rate.safetensors");
  SmallTraining run, resumed;
  FitOptions options{.checkpoint = file.path()};
  options.on_epoch = [&](const EpochRecord&) { run.optimizer.set_lr(0.1 / 3); };
  run.trainer.fit(data, options);
  resumed.net.infer_shapes({1, 2});
  resumed.trainer.load_checkpoint(file.path());
  EXPECT_EQ(resumed.optimizer.lr(), 0.1 / 3);
}

TEST(Checkpoint, StoppingCanBeSwitchedOff) {
  SmallTraining run;
  TrainerOptions options = quiet();
  options.stop_on_interrupt = false;
  Trainer trainer(run.net, interrupting_loss(1), run.optimizer, options);
  const auto previous = std::signal(SIGINT, SIG_IGN);
  EXPECT_FALSE(trainer.fit(three_clouds(), {.epochs = 2}).interrupted);
  std::signal(SIGINT, previous);
}

TEST(Checkpoint, APathThatCannotBeWrittenStopsFitBeforeItTrains) {
  SmallTraining run;
  int steps = 0;
  const auto loss = [&](const Tensor& output, const Tensor& target) {
    ++steps;
    return cross_entropy(output, target);
  };
  Trainer trainer(run.net, loss, run.optimizer, quiet());
  expect_throw<IoError>([&] { trainer.fit(three_clouds(), {.checkpoint = "/nowhere/at/all.safetensors"}); },
                        {"/nowhere/at/all.safetensors"});
  EXPECT_EQ(steps, 0);
}

TEST(Checkpoint, AFullDiskLeavesTheEarlierFile) {
  const TempFile file("full.safetensors");
  SmallTraining run;
  run.trainer.fit(three_clouds(), {.checkpoint = file.path()});
  const std::string before = bytes_of(file.path());
  ASSERT_FALSE(before.empty());

  rlimit limit{};
  getrlimit(RLIMIT_FSIZE, &limit);
  const rlimit small{.rlim_cur = 100, .rlim_max = limit.rlim_max};
  const auto previous = std::signal(SIGXFSZ, SIG_IGN);
  setrlimit(RLIMIT_FSIZE, &small);
  expect_throw<IoError>([&] { run.trainer.save_checkpoint(file.path()); }, {file.path()});
  setrlimit(RLIMIT_FSIZE, &limit);
  std::signal(SIGXFSZ, previous);
  EXPECT_EQ(bytes_of(file.path()), before);
}

/// A checkpoint of a small training of one epoch.
class LoadCheckpoint : public testing::Test {
 protected:
  LoadCheckpoint() { SmallTraining().trainer.fit(three_clouds(), {.checkpoint = file_.path()}); }
  TempFile file_{"load.safetensors"};
};

TEST_F(LoadCheckpoint, RefusesOtherFiles) {
  SmallTraining run;
  run.net.infer_shapes({1, 2});
  save_weights(run.net, file_.path());
  expect_throw<IoError>([&] { run.trainer.load_checkpoint(file_.path()); },
                        {file_.path(), "is no checkpoint"});
  expect_throw<IoError>([&] { run.trainer.load_checkpoint("/nowhere"); }, {"/nowhere"});
}

TEST_F(LoadCheckpoint, RefusesAnotherOptimizer) {
  SmallTraining run;
  run.net.infer_shapes({1, 2});
  SGD other;
  Trainer trainer(run.net, CrossEntropyLoss(), other, quiet());
  expect_throw<ValueError>([&] { trainer.load_checkpoint(file_.path()); }, {"was made with Adam, need SGD"});
}

TEST_F(LoadCheckpoint, RefusesAnotherSeed) {
  SmallTraining run(1, on(kCpu));
  run.net.infer_shapes({1, 2});
  expect_throw<ValueError>([&] { run.trainer.load_checkpoint(file_.path()); },
                           {"was made with seed 0, need 3"});
}

TEST_F(LoadCheckpoint, RefusesAnotherModelAndChangesNothing) {
  Sequential net(Linear({.in_features = 2, .out_features = 5}));
  Adam optimizer;
  Trainer trainer(net, CrossEntropyLoss(), optimizer, quiet());
  const std::vector<float> before = weights(net);
  EXPECT_THROW(trainer.load_checkpoint(file_.path()), ValueError);
  EXPECT_EQ(weights(net), before);
  EXPECT_EQ(trainer.epoch(), 0);
}

TEST_F(LoadCheckpoint, NeedsAModelWithShapes) {
  SmallTraining run;
  expect_throw<ValueError>([&] { run.trainer.load_checkpoint(file_.path()); }, {"infer_shapes"});
}

TEST_F(LoadCheckpoint, RefusesACutFile) {
  const std::string bytes = bytes_of(file_.path());
  std::ofstream(file_.path(), std::ios::binary) << bytes.substr(0, bytes.size() - 1);
  SmallTraining run;
  run.net.infer_shapes({1, 2});
  const std::vector<float> before = weights(run.net);
  EXPECT_THROW(run.trainer.load_checkpoint(file_.path()), IoError);
  EXPECT_EQ(weights(run.net), before);
}

TEST_F(LoadCheckpoint, RefusesNumbersThatAreNone) {
  SafetensorsFile file = load_safetensors(file_.path());
  file.metadata["epoch"] = "1x";
  save_safetensors(file_.path(), file.tensors, file.metadata);
  SmallTraining run;
  run.net.infer_shapes({1, 2});
  expect_throw<IoError>([&] { run.trainer.load_checkpoint(file_.path()); },
                        {"'epoch' = '1x', need a number"});
  file.metadata.erase("epoch");
  save_safetensors(file_.path(), file.tensors, file.metadata);
  expect_throw<IoError>([&] { run.trainer.load_checkpoint(file_.path()); }, {"has no entry 'epoch'"});
}

/// What load_checkpoint() must leave as it was where it refuses a file.
struct Situation {
  std::vector<float> weights, optimizer;
  Generator::State random;
  double lr;
  bool attached;
  int64_t epoch;
  bool operator==(const Situation&) const = default;
};

Situation situation(Module& net, const Optimizer& optimizer, const Trainer& trainer) {
  Situation now{weights(net),   {}, default_generator().state(), optimizer.lr(), optimizer.attached(),
                trainer.epoch()};
  for (const auto& [name, tensor] : optimizer.attached() ? optimizer.state() : NamedTensors()) {
    for (const double value : tensor.to_vector<double>()) now.optimizer.push_back(float(value));
  }
  return now;
}

TEST_F(LoadCheckpoint, ARefusalChangesNothing) {
  const SafetensorsFile good = load_safetensors(file_.path());
  const std::pair<const char*, const char*> lies[] = {{"lr", "nan"},
                                                      {"lr", "-1"},
                                                      {"plateau_factor", "nan"},
                                                      {"plateau_factor", "0"},
                                                      {"plateau_factor", "2"},
                                                      {"plateau_best", "nan"},
                                                      {"hits", "-5"},
                                                      {"samples", "-1"},
                                                      {"classes", "-1"},
                                                      {"loss_sum", "inf"},
                                                      {"epoch", "-1"},
                                                      {"batches", "-1"},
                                                      {"batch_size", "-1"},
                                                      {"plateau_bad_epochs", "-1"},
                                                      {"plateau_cooldown", "-1"}};
  for (const bool attached : {false, true}) {
    SmallTraining run(8);
    run.net.infer_shapes({1, 2});
    if (attached) run.trainer.fit(three_clouds());
    const Situation before = situation(run.net, run.optimizer, run.trainer);
    for (const auto& [key, value] : lies) {
      SafetensorsFile bad = good;
      bad.metadata[key] = value;
      save_safetensors(file_.path(), bad.tensors, bad.metadata);
      expect_throw<IoError>([&] { run.trainer.load_checkpoint(file_.path()); },
                            {file_.path(), "'" + std::string(key) + "' = " + value + ", need "});
      EXPECT_TRUE(situation(run.net, run.optimizer, run.trainer) == before) << key;
    }
    SafetensorsFile bad = good;
    std::erase_if(bad.tensors, [](const auto& named) { return named.first == "optimizer.3.exp_avg"; });
    save_safetensors(file_.path(), bad.tensors, bad.metadata);
    expect_throw<ValueError>([&] { run.trainer.load_checkpoint(file_.path()); }, {"missing: [3.exp_avg]"});
    EXPECT_TRUE(situation(run.net, run.optimizer, run.trainer) == before);
    save_safetensors(file_.path(), good.tensors, good.metadata);
    run.trainer.load_checkpoint(file_.path());
    EXPECT_FALSE(situation(run.net, run.optimizer, run.trainer) == before);
  }
}

/// A model of two layers of one shape, trained in an order of one's own.
struct Ordered {
  explicit Ordered(bool reversed, const SgdOptions& sgd = {.lr = 0.1, .momentum = 0.9})
      : net((manual_seed(1), Sequential(Linear({.in_features = 2, .out_features = 2, .bias = false}),
                                        Linear({.in_features = 2, .out_features = 2, .bias = false}),
                                        Linear({.in_features = 2, .out_features = 3})))),
        optimizer(sgd),
        trainer(net, CrossEntropyLoss(), optimizer, options(reversed)) {}

  static TrainerOptions options(bool reversed) {
    TrainerOptions result = quiet();
    result.groups = [reversed](const std::vector<Tensor>& all) {
      std::vector<ParameterGroup> groups(1);
      groups[0].parameters = all;
      if (reversed) std::swap(groups[0].parameters[0], groups[0].parameters[1]);
      return groups;
    };
    return result;
  }

  Sequential net;
  SGD optimizer;
  Trainer trainer;
};

TEST(Checkpoint, BelongsToParametersInOneOrder) {
  const TempFile file("order.safetensors");
  Ordered run(false), same(false), reversed(true);
  run.trainer.fit(three_clouds(), {.checkpoint = file.path()});
  const Situation before = situation(reversed.net, reversed.optimizer, reversed.trainer);
  expect_throw<ValueError>([&] { reversed.trainer.load_checkpoint(file.path()); },
                           {"parameter 0 was 0.weight and is 1.weight"});
  EXPECT_TRUE(situation(reversed.net, reversed.optimizer, reversed.trainer) == before);
  same.trainer.load_checkpoint(file.path());
  EXPECT_EQ(weights(same.net), weights(run.net));

  SafetensorsFile older = load_safetensors(file.path());  // from before names were kept
  EXPECT_EQ(older.metadata.at("parameters"), "0.weight\n1.weight\n2.weight\n2.bias");
  older.metadata.erase("parameters");
  save_safetensors(file.path(), older.tensors, older.metadata);
  reversed.trainer.load_checkpoint(file.path());
}

TEST(Checkpoint, OfAnOptimizerWithoutMomentumChangesNothingInOneWithIt) {
  const TempFile file("momentum.safetensors");
  Ordered plain(false, {.lr = 0.1}), momentum(false);
  plain.trainer.fit(three_clouds(), {.checkpoint = file.path()});
  const Situation before = situation(momentum.net, momentum.optimizer, momentum.trainer);
  expect_throw<ValueError>([&] { momentum.trainer.load_checkpoint(file.path()); },
                           {"missing: [0.momentum_buffer"});
  EXPECT_TRUE(situation(momentum.net, momentum.optimizer, momentum.trainer) == before);
  momentum.optimizer.average_weights(0.5);
  plain.trainer.load_checkpoint(file.path());
}

}  // namespace
}  // namespace dlengine::test

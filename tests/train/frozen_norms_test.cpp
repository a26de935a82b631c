// fit() leaves the running statistics of frozen batch norms alone, replayed or not.
#include <gtest/gtest.h>

#include <functional>

#include "dlengine/core/autograd.h"
#include "dlengine/core/ops.h"
#include "dlengine/train/doctor/check_up.h"
#include "tests/support/devices.h"
#include "tests/train/small_problem.h"

namespace dlengine::test {
namespace {

Sequential norm_net(bool affine = true) {
  manual_seed(3);
  return Sequential(Linear({.in_features = 2, .out_features = 8}),
                    BatchNorm1d({.num_features = 8, .affine = affine}), ReLU(),
                    Linear({.in_features = 8, .out_features = 3}));
}

void freeze(Module& layer, bool frozen = true) {
  for (Tensor& parameter : layer.parameters()) parameter.set_requires_grad(!frozen);
}

std::vector<std::vector<float>> statistics(Module& net) {
  std::vector<std::vector<float>> all;
  for (const auto& [name, buffer] : net.named_buffers()) all.push_back(buffer.to_vector<float>());
  return all;
}

/// Trains six epochs with a short last batch in each; returns all weights and statistics.
std::vector<float> fit(
    Sequential& net, Device device, Replay replay,
    const std::function<void(int64_t)>& after_epoch = [](int64_t) {}) {
  TrainerOptions options = quiet();
  options.device = device;
  options.replay = replay;
  SGD optimizer({.lr = 0.05});
  Trainer trainer(net, CrossEntropyLoss(), optimizer, options);
  FitOptions fit{.epochs = 6, .batch_size = 8};
  fit.on_epoch = [&](const EpochRecord& record) { after_epoch(record.epoch); };
  trainer.fit(three_clouds(), fit);
  return weights(net);
}

template <typename F>
void on_each_device(const F& outcome) {
  for (const Device device : devices()) {
    SCOPED_TRACE(to_string(device));
    const std::vector<float> replayed = outcome(device, Replay::automatic);
    EXPECT_EQ(replayed, outcome(device, Replay::never));
  }
}

TEST(FrozenNorms, KeepTheirStatisticsInFit) {
  on_each_device([](Device device, Replay replay) {
    Sequential net = norm_net();
    freeze(net[1]);
    const auto before = statistics(net);
    const auto first = net[0].parameters()[0].to_vector<float>();
    auto outcome = fit(net, device, replay);
    EXPECT_EQ(statistics(net), before);
    EXPECT_NE(net[0].parameters()[0].to_vector<float>(), first);
    return outcome;
  });
}

TEST(FrozenNorms, OthersFollowTheBatches) {
  on_each_device([](Device device, Replay replay) {
    std::vector<float> outcome;
    for (const bool affine : {true, false}) {
      Sequential net = norm_net(affine);
      if (affine) net[1].parameters()[0].set_requires_grad(false);  // the bias is trained
      net.eval();
      const auto before = statistics(net);
      const auto after = fit(net, device, replay);
      EXPECT_NE(statistics(net)[0], before[0]);
      EXPECT_NE(statistics(net)[1], before[1]);
      outcome.insert(outcome.end(), after.begin(), after.end());
    }
    return outcome;
  });
}

TEST(FrozenNorms, MayBeFrozenAndUnfrozenBetweenEpochs) {
  on_each_device([](Device device, Replay replay) {
    Sequential net = norm_net();
    std::vector<std::vector<std::vector<float>>> after;
    const auto outcome = fit(net, device, replay, [&](int64_t epoch) {
      after.push_back(statistics(net));
      if (epoch == 2) freeze(net[1]);
      if (epoch == 4) freeze(net[1], false);
    });
    EXPECT_NE(after[0], after[1]);
    EXPECT_EQ(after[1], after[2]);
    EXPECT_EQ(after[1], after[3]);
    EXPECT_NE(after[3], after[4]);
    EXPECT_NE(after[4], after[5]);
    return outcome;
  });
}

TEST(FrozenNorms, AreCheckedUpAsTheyAreTrained) {
  Sequential net = norm_net();
  freeze(net[1]);
  const TensorDataset data = three_clouds();
  net.eval();
  const float want = cross_entropy(net(data.x()), data.y()).item<float>();
  EXPECT_EQ(float(check_up(net, data.x(), data.y(), CrossEntropyLoss()).loss), want);
  for (const NamedModule& below : net.modules()) EXPECT_FALSE(below.module->training()) << below.path;
  net.train();
  net[1].eval();
  check_up(net, data.x(), data.y(), CrossEntropyLoss());
  EXPECT_TRUE(net.training());
  EXPECT_FALSE(net[1].training());
  EXPECT_TRUE(net[3].training());
}

}  // namespace
}  // namespace dlengine::test

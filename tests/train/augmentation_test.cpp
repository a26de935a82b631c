// Data sets that make their samples anew each time, with random numbers.
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <mutex>
#include <vector>

#include "dlengine/core/ops.h"
#include "dlengine/train/doctor.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"
#include "tests/train/small_problem.h"

namespace dlengine::test {
namespace {

/// Points with noise on them. Keeps in mind what noise came first in each call.
class Noisy final : public Dataset {
 public:
  int64_t size() const override { return points_.size(); }
  Batch get(std::span<const int64_t> indices) const override {
    const Batch batch = points_.get(indices);
    const Tensor noise = randn(batch.x.shape());
    const std::lock_guard lock(mutex_);
    drawn_.push_back(noise.index({0, 0}).item<float>());
    return {batch.x + noise, batch.y};
  }
  std::vector<float> drawn() const {
    const std::lock_guard lock(mutex_);
    return drawn_;
  }

 private:
  TensorDataset points_ = three_clouds();
  mutable std::mutex mutex_;
  mutable std::vector<float> drawn_;
};

TrainerOptions seeded(uint64_t seed, Device device = kCpu) {
  TrainerOptions options = quiet();
  options.seed = seed;
  options.device = device;
  return options;
}

std::vector<float> trained(const TrainerOptions& options, const FitOptions& fit) {
  SmallTraining run(1, options);
  run.trainer.fit(Noisy(), fit);
  return weights(run.net);
}

TEST(Augmentation, DependsOnTheTrainersSeedAlone) {
  for (const Device device : devices()) {
    SCOPED_TRACE(to_string(device));
    const FitOptions fit{.epochs = 2, .batch_size = 8, .shuffle = false};
    const std::vector<float> first = trained(seeded(3, device), fit);
    EXPECT_EQ(trained(seeded(3, device), fit), first);
    EXPECT_NE(trained(seeded(4, device), fit), first);
  }
}

TEST(Augmentation, IsAnotherInEveryBatchOfATraining) {
  const Noisy data;
  SmallTraining run;
  run.net.infer_shapes({1, 2});
  run.trainer.fit(data, {.epochs = 3, .batch_size = 8, .shuffle = false});
  std::vector<float> drawn = data.drawn();
  EXPECT_EQ(drawn.size(), 3 * 4u);
  std::ranges::sort(drawn);
  EXPECT_EQ(std::ranges::adjacent_find(drawn), drawn.end());
}

TEST(Augmentation, IsTheSameInATrainingThatGoesOn) {
  const TempFile whole("whole.safetensors"), parts("parts.safetensors");
  SmallTraining straight(1, seeded(3)), stopped(1, seeded(3)), resumed(99, seeded(3));
  manual_seed(1);  // dropout draws from this thread's generator
  const Noisy data;
  straight.trainer.fit(data, {.epochs = 3, .batch_size = 8, .checkpoint = whole.path()});

  Trainer trainer(
      stopped.net,
      [calls = 0](const Tensor& output, const Tensor& target) mutable {
        if (++calls == 6) std::raise(SIGINT);  // the second of 4 steps in epoch 2
        return cross_entropy(output, target);
      },
      stopped.optimizer, seeded(3));
  manual_seed(1);
  EXPECT_TRUE(trainer.fit(data, {.epochs = 3, .batch_size = 8, .checkpoint = parts.path()}).interrupted);

  resumed.net.infer_shapes({1, 2});
  resumed.trainer.load_checkpoint(parts.path());
  resumed.trainer.fit(data, {.epochs = 3, .batch_size = 8, .checkpoint = parts.path()});
  EXPECT_EQ(bytes_of(parts.path()), bytes_of(whole.path()));
}

TEST(Augmentation, LeavesWeightsAndDropoutTheirRandomNumbers) {
  SmallTraining by_hand;
  by_hand.net.infer_shapes({1, 2});
  const Generator::State want = default_generator().state();
  SmallTraining run;
  const Noisy data;
  run.trainer.evaluate(data);  // takes the input size from a first sample
  run.trainer.predict(data);
  EXPECT_EQ(default_generator().state(), want);
}

TEST(Augmentation, IsTheSameBesideADoctor) {
  SmallTraining run;
  Doctor doctor(run.net);
  run.trainer.fit(Noisy(), {.epochs = 2, .batch_size = 8, .doctor = &doctor});
  EXPECT_EQ(weights(run.net), trained(quiet(), {.epochs = 2, .batch_size = 8}));
}

TEST(Augmentation, IsTheSameInEveryEvaluation) {
  const Noisy data;
  SmallTraining run(1, seeded(3)), other(1, seeded(4));
  const double loss = run.trainer.evaluate(data).loss;
  EXPECT_EQ(run.trainer.evaluate(data).loss, loss);
  EXPECT_NE(other.trainer.evaluate(data).loss, loss);
  EXPECT_EQ(run.trainer.predict(data).to_vector<float>(), run.trainer.predict(data).to_vector<float>());
}

// --- What a data set gives ---

/// Leaves out one sample of batches of more than one.
class Forgetful final : public Dataset {
 public:
  int64_t size() const override { return points_.size(); }
  Batch get(std::span<const int64_t> indices) const override {
    return points_.get(indices.size() > 1 ? indices.subspan(1) : indices);
  }

 private:
  TensorDataset points_ = three_clouds();
};

TEST(Datasets, ThatGiveTooFewSamplesAreRefused) {
  const Forgetful data;
  SmallTraining run;
  Doctor doctor(run.net);
  const std::initializer_list<std::string_view> message = {
      "Dataset::get: need x [8, ...] and y [8, ...] for 8 indices, got x [7, 2] and y [7]"};
  expect_throw<ShapeError>([&] { run.trainer.fit(data, {.batch_size = 8}); }, message);
  expect_throw<ShapeError>([&] { run.trainer.evaluate(data, 8); }, message);
  expect_throw<ShapeError>([&] { run.trainer.predict(data, 8); }, message);
  expect_throw<ShapeError>([&] { run.trainer.fit(data, {.batch_size = 1, .doctor = &doctor}); },
                           {"Dataset::get: need x [30, ...]", "got x [29, 2]"});
}

/// Says that it has more samples than it holds.
class Boastful final : public Dataset {
 public:
  int64_t size() const override { return points_.size() + 2; }
  Batch get(std::span<const int64_t> indices) const override { return points_.get(indices); }
  std::optional<Samples> in_memory() const override { return points_.in_memory(); }

 private:
  TensorDataset points_ = three_clouds();
};

TEST(Datasets, HoldAllTheirSamplesInMemoryOrNone) {
  SmallTraining run;
  expect_throw<ShapeError>([&] { run.trainer.fit(Boastful()); },
                           {"Dataset::in_memory: need all 32 samples of size(), got x [30, 2]"});
}

}  // namespace
}  // namespace dlengine::test

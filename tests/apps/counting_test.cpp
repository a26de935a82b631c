// What a replayed step costs, counted on the emulated device.
#include <gtest/gtest.h>

#include "apps/networks.h"
#include "dlengine/core/autograd.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/ops.h"
#include "dlengine/data/device_batches.h"
#include "dlengine/layers/layers.h"
#include "dlengine/optim/adam.h"
#include "dlengine/train/captured_step.h"
#include "dlengine/train/trainer.h"
#include "tests/emulator/control.h"
#include "tests/support/devices.h"

namespace dlengine::test {
namespace {

struct Row {
  const char* network;
  int64_t most_kernels;
};

// From the gathering of the batch to the update. Whatever is taken away from a step lowers its number here.
const Row kRows[] = {{"mnist_mlp", 8}, {"mnist_cnn", 18}};

TEST(Counting, AReplayIsOneGraphAndNothingElse) {
  for (const Device device : accelerators()) {
    emulator::Control* const emulated = emulated_device();
    if (!emulated) GTEST_SKIP() << "only the emulated device counts";
    for (const auto& [network, most_kernels] : kRows) {
      SCOPED_TRACE(network);
      manual_seed(1);
      Sequential model = apps::make_network(network);
      model.infer_shapes({2, 1, 28, 28});
      model.to(device);
      Adam optimizer({.lr = 1e-3});
      optimizer.attach(model.parameters());
      Tensor totals = zeros({5}, DType::f64, device);
      const Samples images{rand({20, 1, 28, 28}, 0, 255).to(DType::u8), zeros({20}, DType::i64)};
      DeviceBatches batches(images, {.batch_size = 2, .shuffle = true}, device);
      CapturedStep step(device, [&](const std::vector<Tensor>&) {
        const Samples batch = batches.take();
        optimizer.zero_grad();
        counted_cross_entropy(model(batch.x), batch.y, Reduction::mean, totals).backward();
        optimizer.step();
        return std::vector<Tensor>();
      });
      step.repeat(4);
      const emulator::Control::Counters before = emulated->counters();
      constexpr uint64_t kReplays = 3;
      step.repeat(kReplays);
      const emulator::Control::Counters after = emulated->counters();
      EXPECT_EQ(after.graph_launches - before.graph_launches, kReplays);
      EXPECT_EQ(after.allocations, before.allocations);
      EXPECT_EQ(after.host_device_copies, before.host_device_copies);
      EXPECT_EQ(after.synchronisations, before.synchronisations);
      EXPECT_EQ(after.graph_nodes - before.graph_nodes, kReplays * uint64_t(step.kernels()));
      EXPECT_LE(step.kernels(), most_kernels);
    }
  }
}

/// What the device is asked for in one epoch but for kernels.
struct EpochCosts {
  uint64_t allocations, copies, waits;
  bool operator==(const EpochCosts&) const = default;
};

/// The costs of the fourth epoch, when all is recorded.
EpochCosts costs_of_an_epoch(Device device, int64_t steps) {
  manual_seed(1);
  Sequential model(Flatten(), Linear({.in_features = 6, .out_features = 5}), ReLU(), Dropout(0.5),
                   Linear({.in_features = 5, .out_features = 3}));
  Adam optimizer({.lr = 1e-3});
  TrainerOptions options;
  options.device = device;
  options.progress = false;
  options.progress_to.clock = [] { return 0.0; };  // never due
  Trainer trainer(model, CrossEntropyLoss(), optimizer, options);
  const TensorDataset data(rand({2 * steps, 1, 2, 3}, 0, 255).to(DType::u8), zeros({2 * steps}, DType::i64));
  std::vector<EpochCosts> seen;
  FitOptions fit{.epochs = 5, .batch_size = 2};
  fit.schedule = cosine_schedule();
  fit.on_epoch = [&](const EpochRecord&) {
    const emulator::Control::Counters now = emulated_device()->counters();
    seen.push_back({now.allocations, now.host_device_copies, now.synchronisations});
  };
  trainer.fit(data, fit);
  return {seen[4].allocations - seen[3].allocations, seen[4].copies - seen[3].copies,
          seen[4].waits - seen[3].waits};
}

TEST(Counting, AnEpochCostsTheHostTheSameWhateverItsLength) {
  for (const Device device : accelerators()) {
    if (!emulated_device()) GTEST_SKIP() << "only the emulated device counts";
    EXPECT_TRUE(costs_of_an_epoch(device, 20) == costs_of_an_epoch(device, 60));
  }
}

}  // namespace
}  // namespace dlengine::test

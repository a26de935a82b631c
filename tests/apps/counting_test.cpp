// What a replayed step costs, counted on the emulated device.
#include <gtest/gtest.h>

#include "apps/networks.h"
#include "dlengine/core/autograd.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/ops.h"
#include "dlengine/optim/adam.h"
#include "dlengine/train/captured_step.h"
#include "tests/emulator/control.h"
#include "tests/support/devices.h"

namespace dlengine::test {
namespace {

struct Row {
  const char* network;
  int64_t most_kernels;
};

// Whatever is taken away from a step lowers its number here.
const Row kRows[] = {{"mnist_mlp", 12}, {"mnist_cnn", 27}};

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
      CapturedStep step(device, [&](const std::vector<Tensor>& in) {
        optimizer.zero_grad();
        counted_cross_entropy(model(in[0]), in[1], Reduction::mean, totals).backward();
        optimizer.step();
        return std::vector<Tensor>();
      });
      const Tensor x = rand({2, 1, 28, 28}).to(device), y = zeros({2}, DType::i64, device);
      for (int i = 0; i < 4; ++i) step({x, y});
      const emulator::Control::Counters before = emulated->counters();
      constexpr uint64_t kReplays = 3;
      for (uint64_t i = 0; i < kReplays; ++i) step({x, y});
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

}  // namespace
}  // namespace dlengine::test

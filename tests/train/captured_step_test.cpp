// Replayed steps give the bits of steps that run as usual.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "dlengine/core/autograd.h"
#include "dlengine/core/backend.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/ops.h"
#include "dlengine/layers/layers.h"
#include "dlengine/optim/optim.h"
#include "dlengine/train/captured_step.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"

namespace dlengine::test {
namespace {

/// What a training leaves behind.
struct Outcome {
  std::vector<float> losses;
  std::vector<std::vector<float>> parameters;
  Generator::State random;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

Sequential small_cnn() {
  return Sequential(Conv2d({.in_channels = 1, .out_channels = 8, .kernel = 3}),
                    BatchNorm2d({.num_features = 8}), ReLU(), MaxPool2d({.kernel = 2}), Dropout(0.25),
                    Flatten(), Linear({.in_features = 72, .out_features = 16}), ReLU(), Dropout(0.5),
                    Linear({.in_features = 16, .out_features = 4}));
}

struct Training {
  std::string optimizer = "adam";
  bool captured = true;
  int steps = 9;
};

/// Trains on batches of 6 with a batch of 4 after every third; halves the rate after half of the steps.
Outcome train(Device device, const Training& training) {
  manual_seed(7);
  Sequential model = small_cnn();
  model.to(device);
  const auto optimizer = make_optimizer(training.optimizer, 0.01);
  optimizer->attach(model.parameters());
  const auto step = [&](const std::vector<Tensor>& in) {
    optimizer->zero_grad();
    Tensor loss = cross_entropy(model(in[0]), in[1]);
    loss.backward();
    optimizer->step();
    return std::vector{loss};
  };
  CapturedStep captured(device, step);
  Outcome outcome;
  Generator inputs(3);
  for (int i = 0; i < training.steps; ++i) {
    const int64_t batch = i % 3 == 2 ? 4 : 6;
    const Tensor x = randn({batch, 1, 8, 8}, 0, 1, DType::f32, kCpu, inputs).to(device);
    const Tensor y = rand({batch}, 0, 4, DType::f32, kCpu, inputs).to(DType::i64).to(device);
    if (i == training.steps / 2) optimizer->set_lr(0.005);
    const Tensor loss = training.captured ? captured({x, y})[0] : step({x, y})[0];
    outcome.losses.push_back(loss.item<float>());
  }
  if (training.captured) {
    EXPECT_EQ(captured.reason(), "");
    EXPECT_GT(captured.kernels(), 0);
  }
  for (const Tensor& parameter : model.parameters())
    outcome.parameters.push_back(parameter.to_vector<float>());
  outcome.random = default_generator().state();
  EXPECT_EQ(optimizer->step_count(), training.steps);
  return outcome;
}

TEST(CapturedStep, GivesTheBitsOfTheSameStepsUncaptured) {
  for (const Device device : devices()) {
    for (const std::string_view name : optimizer_names()) {
      const std::string optimizer(name);
      SCOPED_TRACE(optimizer + " on " + to_string(device));
      Training training{.optimizer = optimizer, .steps = device == kCpu ? 30 : 12};
      const Outcome captured = train(device, training);
      training.captured = false;
      EXPECT_TRUE(captured == train(device, training));
    }
  }
}

/// Two neighbours that Adam updates together, but for those of 20 steps where the second has no gradient.
std::vector<float> train_neighbours(Device device, bool captured) {
  std::vector<Tensor> weights;
  for (int i = 0; i < 2; ++i) weights.push_back(ones({3}, DType::f32, device).set_requires_grad());
  Adam adam(weights, {.lr = 0.1});
  const auto step = [&](const std::vector<Tensor>& in) {
    adam.zero_grad();
    sum(square(weights[0])).backward();
    if (in[0].numel() == 1) sum(square(weights[1] - 3.0)).backward();
    adam.step();
    return std::vector<Tensor>();
  };
  CapturedStep replayed(device, step);
  for (int i = 0; i < 20; ++i) {
    const Tensor in = zeros({i > 5 && i % 3 == 0 ? 2 : 1}, DType::f32, device);
    captured ? replayed({in}) : step({in});
  }
  EXPECT_EQ(adam.step_count(), 20);
  return concat(weights).to_vector<float>();
}

TEST(CapturedStep, IsRecordedAnewWhereNeighboursNoLongerCountAlike) {
  for (const Device device : devices()) {
    SCOPED_TRACE(to_string(device));
    EXPECT_EQ(train_neighbours(device, true), train_neighbours(device, false));
  }
}

TEST(CapturedStep, RepeatsStepsManyAtOnce) {
  for (const Device device : devices()) {
    SCOPED_TRACE(to_string(device));
    Tensor sum = zeros({5}).to(device);
    const auto add = [&](const std::vector<Tensor>&) {
      const NoGrad no_grad;
      sum.copy_(sum * 0.5 + rand({5}, 0, 1, DType::f32, device));
      return std::vector<Tensor>();
    };
    manual_seed(5);
    for (int i = 0; i < 27; ++i) add({});
    const auto want = sum.to_vector<float>();
    for (const int at_once : {1, 4, 50}) {
      sum.zero_();
      manual_seed(5);
      CapturedStep step(device, add);
      for (const int64_t count : {1, 11, 0, 15}) step.repeat(count, at_once);
      EXPECT_EQ(sum.to_vector<float>(), want) << at_once << " at once";
    }
  }
}

TEST(CapturedStep, RepeatsStepsWithResultsOneByOne) {
  int calls = 0;
  CapturedStep step(kCpu, [&](const std::vector<Tensor>&) {
    ++calls;
    return std::vector{zeros({2})};
  });
  step.repeat(12, 4);
  EXPECT_EQ(calls, 3);
}

TEST(CapturedStep, FollowsWhatOthersDrawFromTheGenerator) {
  for (const Device device : devices()) {
    SCOPED_TRACE(to_string(device));
    const Tensor x = ones({100}).to(device);
    CapturedStep captured(device,
                          [](const std::vector<Tensor>& in) { return std::vector{dropout(in[0], 0.5)}; });
    for (int i = 0; i < 8; ++i) {
      manual_seed(uint64_t(i / 3));
      for (int other = 0; other < i; ++other) rand({3});
      const auto got = captured({x})[0].to_vector<float>();
      manual_seed(uint64_t(i / 3));
      for (int other = 0; other < i; ++other) rand({3});
      EXPECT_EQ(got, dropout(x, 0.5).to_vector<float>()) << "call " << i;
    }
  }
}

TEST(CapturedStep, SaysWhyAStepIsNotRecordedAndRunsIt) {
  for (const Device device : devices()) {
    SCOPED_TRACE(to_string(device));
    int calls = 0;
    CapturedStep captured(device, [&](const std::vector<Tensor>& in) {
      ++calls;
      const auto largest = max(in[0]).item<float>();
      return std::vector{in[0] * double(largest)};
    });
    for (int i = 1; i <= 5; ++i) {
      const Tensor x = full({3}, i).to(device);
      EXPECT_EQ(captured({x})[0].to_vector<float>(), std::vector<float>(3, float(i * i)));
      EXPECT_EQ(calls, i);
    }
    EXPECT_EQ(captured.reason(), "reads elements on the host");
    EXPECT_EQ(captured.kernels(), 0);
  }
}

TEST(CapturedStep, RecordsTheFirstShapesAlone) {
  constexpr auto kRecorded = int64_t{CapturedStep::kMostShapes};
  constexpr int kRounds = 5, kMore = 20;
  for (const Device device : devices()) {
    SCOPED_TRACE(to_string(device));
    Allocator& memory = backend_for(device).allocator(device.index);
    int calls = 0;
    CapturedStep captured(device, [&](const std::vector<Tensor>& in) {
      ++calls;
      return std::vector{sum(relu(in[0]) * 2.0)};
    });
    const auto rounds = [&](int64_t from, int64_t to) {
      for (int round = 0; round < kRounds; ++round) {
        for (int64_t i = from; i < to; ++i) {
          EXPECT_EQ(captured({full({1000 + i}, round).to(device)})[0].item<float>(),
                    float(2 * round * (1000 + i)));
        }
      }
    };
    rounds(0, kRecorded);
    EXPECT_EQ(captured.reason(), "");
    EXPECT_EQ(calls, 3 * kRecorded);
    const int64_t before = memory.stats().in_use;
    rounds(kRecorded, kRecorded + kMore);
    EXPECT_EQ(calls, 3 * kRecorded + kRounds * kMore);
    EXPECT_LT(memory.stats().in_use - before, 2 * 1100 * int64_t{sizeof(float)});
    EXPECT_EQ(captured.reason(),
              "has inputs of more than 16 shapes, and only those of the first 16 are recorded");
    calls = 0;
    rounds(0, kRecorded);  // which are replayed as before
    EXPECT_EQ(calls, 0);
  }
}

TEST(CapturedStep, NamesWhatItCannotRecordRatherThanTheNumberOfShapes) {
  CapturedStep captured(
      kCpu, [](const std::vector<Tensor>& in) { return std::vector{in[0] * max(in[0]).item<double>()}; });
  for (int64_t size = 1; size < 20; ++size) captured({ones({size})});
  EXPECT_THAT(captured.reason(), testing::HasSubstr("16 shapes"));
  for (int i = 0; i < 4; ++i) captured({ones({1})});
  EXPECT_EQ(captured.reason(), "reads elements on the host");
}

TEST(CapturedStep, ReplaysWithoutItsHostCode) {
  for (const Device device : devices()) {
    SCOPED_TRACE(to_string(device));
    int calls = 0;
    CapturedStep captured(device, [&](const std::vector<Tensor>& in) {
      ++calls;
      return std::vector{relu(in[0]) + in[1]};
    });
    for (int i = 0; i < 10; ++i) {
      const Tensor x = full({2, 3}, i).to(device), y = full({3}, 10 * i).to(device);
      EXPECT_EQ(captured({x, y})[0].to_vector<float>(), std::vector<float>(6, float(11 * i)));
    }
    EXPECT_EQ(calls, 3);
    EXPECT_EQ(captured.kernels(), 2);
  }
}

TEST(CapturedStep, ThrowsWhatAReplayedKernelFinds) {
  CapturedStep captured(
      kCpu, [](const std::vector<Tensor>& in) { return std::vector{cross_entropy(in[0], in[1])}; });
  const Tensor logits = zeros({4, 3}), good = zeros({4}, DType::i64), bad = full({4}, 3, DType::i64);
  for (int i = 0; i < 5; ++i) captured({logits, good});
  expect_throw<ValueError>([&] { captured({logits, bad}); }, {"label 3 of row 0", "0 .. 2"});
  EXPECT_FLOAT_EQ(captured({logits, good})[0].item<float>(), std::log(3.0f));
}

TEST(CapturedStep, KeepsNoMemoryBeyondItsOwn) {
  for (const Device device : devices()) {
    SCOPED_TRACE(to_string(device));
    train(device, {.steps = 6});
    const int64_t before = backend_for(device).allocator(device.index).stats().in_use;
    train(device, {.steps = 6});
    EXPECT_EQ(backend_for(device).allocator(device.index).stats().in_use, before);
  }
}

}  // namespace
}  // namespace dlengine::test

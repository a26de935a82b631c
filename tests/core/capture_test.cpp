// Rehearsing, recording and replaying steps.
#include "dlengine/core/capture.h"

#include <gtest/gtest.h>

#include "dlengine/core/autograd.h"
#include "dlengine/core/backend.h"
#include "dlengine/core/error.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/ops.h"
#include "dlengine/core/step_memory.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"

namespace dlengine::test {
namespace {

/// A step whose result tells how often it ran and which random numbers it drew.
struct Doubling {
  Tensor sum;

  explicit Doubling(Device device) : sum(zeros({4}, DType::f32, device)) {}
  void step() {
    const NoGrad no_grad;
    sum.copy_(sum * 2 + rand({4}, 0, 1, DType::f32, sum.device()));
  }
  /// The sum after so many steps that run as usual; then all begins anew.
  std::vector<float> expected_after(int steps) {
    manual_seed(3);
    for (int i = 0; i < steps; ++i) step();
    const auto expected = sum.to_vector<float>();
    sum.zero_();
    manual_seed(3);
    return expected;
  }
};

TEST(RecordedStep, DoesSeveralStepsInOneReplay) {
  for (const Device device : devices()) {
    SCOPED_TRACE(to_string(device));
    Doubling doubling(device);
    const auto step = [&] { doubling.step(); };
    const auto want = doubling.expected_after(10);
    RecordedStep recorded(device);
    ASSERT_TRUE(recorded.rehearse(step));
    recorded.record(step, 3);
    recorded.replay(3);
    recorded.replay(3);
    EXPECT_EQ(doubling.sum.to_vector<float>(), want);
    EXPECT_EQ(default_generator().state().next_stream, 10u);
  }
}

TEST(RecordedStep, IsOutdatedWhereWhatItReliesOnHoldsNoLonger) {
  for (const Device device : devices()) {
    bool holds = true;
    Doubling doubling(device);
    const auto step = [&] {
      doubling.step();
      Capture::current()->valid_while([&] { return holds; });
    };
    RecordedStep recorded(device);
    ASSERT_TRUE(recorded.rehearse(step));
    EXPECT_FALSE(recorded.outdated());
    recorded.record(step, 2);
    EXPECT_FALSE(recorded.outdated());
    holds = false;
    EXPECT_TRUE(recorded.outdated());
    holds = true;
    recorded.replay(2);
  }
}

TEST(RecordedStep, KeepsRecordingsOfSeveralLengths) {
  for (const Device device : devices()) {
    SCOPED_TRACE(to_string(device));
    Doubling doubling(device);
    const auto step = [&] { doubling.step(); };
    const auto want = doubling.expected_after(14);
    RecordedStep recorded(device);
    ASSERT_TRUE(recorded.rehearse(step));
    recorded.record(step);
    recorded.replay();
    EXPECT_FALSE(recorded.recorded(4));
    recorded.record(step, 4);
    recorded.replay();
    recorded.replay(4);
    recorded.replay();
    step();  // as usual in between
    EXPECT_EQ(doubling.sum.to_vector<float>(), want);
    EXPECT_EQ(recorded.size(4), 4 * recorded.size());
    EXPECT_EQ(recorded.size(2), 0);
    expect_throw<Error>([&] { recorded.replay(2); }, {"2 steps at once"});
  }
}

TEST(RecordedStep, KeepsNothingOfAStepThatThrows) {
  for (const Device device : devices()) {
    SCOPED_TRACE(to_string(device));
    const Tensor x = ones({3}).to(device);
    Tensor y = zeros({3}).to(device);
    bool fails = false;
    const auto step = [&] {
      const NoGrad no_grad;
      y.copy_(x * 2);
      if (fails) throw ValueError("on purpose");
    };
    RecordedStep recorded(device);
    ASSERT_TRUE(recorded.rehearse(step));
    fails = true;
    expect_throw<ValueError>([&] { recorded.record(step); }, {"on purpose"});
    EXPECT_EQ(recorded.size(), 0);
    fails = false;
    recorded.record(step);
    y.zero_();
    recorded.replay();
    EXPECT_EQ(y.to_vector<float>(), std::vector<float>(3, 2));
  }
}

TEST(RecordedStep, DrawsTheRightNumbersAfterARecordingThatFailed) {
  for (const Device device : devices()) {
    SCOPED_TRACE(to_string(device));
    Generator generator(5);
    Tensor drawn = zeros({2}, DType::f32, device);
    int calls = 0;
    const auto step = [&] {
      if (++calls == 4) throw ValueError("on purpose");  // the second one of the second recording
      drawn.copy_(rand({2}, 0, 1, DType::f32, device, generator));
    };
    RecordedStep recorded(device);
    ASSERT_TRUE(recorded.rehearse(step));
    recorded.record(step);
    expect_throw<ValueError>([&] { recorded.record(step, 3); }, {"on purpose"});
    Generator same;
    same.set_state(generator.state());
    for (int i = 0; i < 2; ++i) {
      recorded.replay();
      EXPECT_EQ(drawn.to_vector<float>(), rand({2}, 0, 1, DType::f32, kCpu, same).to_vector<float>());
    }
  }
}

TEST(RecordedStep, BeginsAnewAfterARehearsalThatThrew) {
  for (const Device device : devices()) {
    SCOPED_TRACE(to_string(device));
    Doubling doubling(device);
    const auto want = doubling.expected_after(4);
    bool fails = true;
    const auto step = [&] {
      if (!fails) return doubling.step();
      Generator().permutation(2);
      doubling.step();
      throw ValueError("on purpose");
    };
    RecordedStep recorded(device);
    expect_throw<ValueError>([&] { recorded.rehearse(step); }, {"on purpose"});
    fails = false;
    ASSERT_TRUE(recorded.rehearse(step)) << recorded.reason();
    recorded.record(step);
    recorded.replay();
    EXPECT_EQ(doubling.sum.to_vector<float>(), want);
  }
}

TEST(RecordedStep, RefusesRandomOrdersOfTheHost) {
  Generator generator(5);
  RecordedStep recorded(kCpu);
  EXPECT_FALSE(recorded.rehearse([&] { generator.permutation(6); }));
  EXPECT_EQ(recorded.reason(), "draws a random order on the host");
}

TEST(RecordedStep, RefusesInARecordingWhatTheRehearsalDidNotDo) {
  const Tensor x = ones({3});
  bool reads = false;
  const auto step = [&] {
    const Tensor y = x * 2;
    if (reads) y.to_vector<float>();
  };
  RecordedStep recorded(kCpu);
  ASSERT_TRUE(recorded.rehearse(step));
  reads = true;
  expect_throw<Error>([&] { recorded.record(step); }, {"reads elements on the host", "rehearsal"});
}

TEST(RecordedStep, DoesNotNest) {
  RecordedStep outer(kCpu), inner(kCpu);
  expect_throw<ValueError>([&] { outer.rehearse([&] { inner.rehearse([] {}); }); }, {"inside of another"});
  EXPECT_EQ(Capture::current(), nullptr);
}

TEST(RecordedStep, RefusesMemoryThatTheRehearsalLeftToNobody) {
  for (const Device device : accelerators()) {
    SCOPED_TRACE(to_string(device));
    Tensor kept;
    const auto step = [&] { kept = ones({1000}, DType::f32, device); };
    RecordedStep recorded(device);
    ASSERT_TRUE(recorded.rehearse(step));
    expect_throw<Error>([&] { recorded.record(step); }, {"4000 bytes more", "from one step to the next"});
    kept = Tensor();
    recorded.record([&] { step(), kept = Tensor(); });
    recorded.replay();
  }
}

/// Convolutions that Winograd's kernels and the library compute, whose filters are transformed or reordered.
struct Convolutions {
  Tensor x = randn({2, 16, 8, 8});
  Tensor w = randn({32, 16, 3, 3}, 0, 0.1), strided = randn({16, 32, 2, 2}, 0, 0.1);
  Tensor y;

  void operator()() {
    const NoGrad no_grad;
    y = conv2d(conv2d(x, w, Tensor()), strided, Tensor(), {.stride = 2});
  }
  std::vector<float> expected() const {
    const NoGrad no_grad;
    return conv2d(conv2d(x, w, Tensor()), strided, Tensor(), {.stride = 2}).to_vector<float>();
  }
};

TEST(RecordedStep, PreparesWhatDependsOnConstantsAloneOnlyWhenTheyChange) {
  Convolutions usual;
  RecordedStep reads_weights(kCpu);
  ASSERT_TRUE(reads_weights.rehearse([&] { usual(); }));
  usual.y = Tensor();
  reads_weights.record([&] { usual(); });

  Convolutions step;
  RecordedStep relies_on_weights(kCpu);
  relies_on_weights.rely_on({step.w, step.strided});
  ASSERT_TRUE(relies_on_weights.rehearse([&] { step(); }));
  step.y = Tensor();
  relies_on_weights.record([&] { step(); });
  EXPECT_LT(relies_on_weights.size(), reads_weights.size());
  EXPECT_EQ(step.y.to_vector<float>(), step.expected());

  step.x.copy_(randn(step.x.shape()));
  relies_on_weights.replay();
  EXPECT_EQ(step.y.to_vector<float>(), step.expected());
  for (Tensor* w : {&step.w, &step.strided}) {
    w->copy_(randn(w->shape()));
    relies_on_weights.replay();
    EXPECT_EQ(step.y.to_vector<float>(), step.expected());
  }
}

TEST(RecordedStep, KnowsThatAConstantMoved) {
  Tensor w = ones({3});
  RecordedStep step(kCpu);
  step.rely_on({w});
  w.fill_(2);
  EXPECT_FALSE(step.constants_moved());
  w.set_data(ones({3}));
  EXPECT_TRUE(step.constants_moved());
}

TEST(RecordedStep, CountsTheWritesOfReplays) {
  const Tensor x = ones({3});
  Tensor y = zeros({3}), untouched = zeros({3});
  const auto step = [&] {
    const NoGrad no_grad;
    y.copy_(zeros({3}) + x);
  };
  RecordedStep recorded(kCpu);
  ASSERT_TRUE(recorded.rehearse(step));
  recorded.record(step);
  const uint32_t version = y.storage()->version(), other = untouched.storage()->version();
  recorded.replay();
  recorded.replay();
  EXPECT_EQ(y.storage()->version(), version + 2);
  EXPECT_EQ(untouched.storage()->version(), other);
}

TEST(StepMemory, GivesARecordingTheBlocksOfItsRehearsal) {
  StepMemory memory(backend_for(kCpu).allocator(0));
  // The block of 96 bytes serves 64 at first, as there is no smaller one yet; later one of 70 would.
  const auto step = [&] {
    std::vector<void*> blocks = {memory.allocate(96)};
    memory.deallocate(blocks[0]);
    for (const size_t bytes : {64, 70}) blocks.push_back(memory.allocate(bytes));
    memory.deallocate(blocks[1]);
    blocks.push_back(memory.allocate(96));
    memory.deallocate(blocks[2]);
    memory.deallocate(blocks[3]);
    return blocks;
  };
  const std::vector<void*> rehearsed = step();
  memory.seal(true);
  EXPECT_EQ(step(), rehearsed);
  EXPECT_EQ(step(), rehearsed);
  EXPECT_THROW(memory.allocate(1000), Error);
}

TEST(StepMemory, ReusesItsBlocksAndGivesThemBackAtTheEnd) {
  HostAllocator source;
  {
    StepMemory memory(source);
    void* const first = memory.allocate(1000);
    memory.deallocate(first);
    EXPECT_EQ(memory.allocate(900), first);
    void* const second = memory.allocate(900);
    EXPECT_NE(second, first);
    memory.deallocate(second);
    EXPECT_NE(memory.allocate(100), second);  // too small for that block
    EXPECT_EQ(memory.stats().in_use, 1100);
    EXPECT_EQ(memory.stats().allocations, 4);
    EXPECT_EQ(source.stats().allocations, 3);
    EXPECT_EQ(memory.allocate(0), nullptr);
    memory.seal(true);
    memory.deallocate(first);
    EXPECT_EQ(memory.allocate(1000), first);
    expect_throw<Error>([&] { memory.allocate(5000); }, {"5000 bytes more"});
  }
  EXPECT_EQ(source.stats().in_use, 0);
}

}  // namespace
}  // namespace dlengine::test

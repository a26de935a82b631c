// Parameters and gradients as views of flat tensors.
#include <gtest/gtest.h>

#include "dlengine/core/autograd.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/ops.h"
#include "dlengine/optim/optim.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"

namespace dlengine::test {
namespace {

std::vector<Tensor> three_parameters(DType dtype = DType::f32, Device device = kCpu) {
  manual_seed(1);
  std::vector<Tensor> tensors;
  for (const Shape& shape : {Shape{3, 5}, Shape{}, Shape{7}}) {
    tensors.push_back(randn(shape, 0, 1, dtype, device).set_requires_grad());
  }
  return tensors;
}

TEST(Arena, KeepsValuesAndMovesEveryHandle) {
  for (const Device device : devices()) {
    for (const DType dtype : {DType::f32, DType::f64}) {
      std::vector<Tensor> parameters = three_parameters(dtype, device);
      std::vector<std::vector<double>> before;
      for (const Tensor& tensor : parameters) before.push_back(tensor.to_vector<double>());
      const Arena arena(parameters);
      for (size_t i = 0; i < parameters.size(); ++i) {
        EXPECT_EQ(parameters[i].to_vector<double>(), before[i]);
        EXPECT_EQ(parameters[i].storage(), arena.values().storage());
        EXPECT_TRUE(parameters[i].requires_grad());
        EXPECT_EQ(reinterpret_cast<uintptr_t>(parameters[i].raw()) % 64, 0u);
      }
      EXPECT_EQ(arena.values().numel() * static_cast<int64_t>(size_of(dtype)) % 64, 0);
    }
  }
}

TEST(Arena, MakesTransposedParametersContiguous) {
  Tensor w = randn({2, 3}).transpose(0, 1).set_requires_grad();
  const auto before = w.to_vector<float>();
  const Arena arena({w});
  EXPECT_TRUE(w.is_contiguous());
  EXPECT_EQ(w.to_vector<float>(), before);
}

TEST(Arena, BackwardWritesIntoIt) {
  for (const Device device : devices()) {
    std::vector<Tensor> parameters = three_parameters(DType::f32, device);
    const Arena arena(parameters);
    sum(square(parameters[0])).backward();
    EXPECT_EQ(parameters[0].grad().storage(), arena.gradients().storage());
    EXPECT_EQ(to_ndarray(parameters[0].grad()).values, to_ndarray(parameters[0].detach() * 2.0).values);
    EXPECT_FALSE(parameters[1].grad().defined());
  }
}

TEST(Arena, TakesEarlierGradientsAlong) {
  Tensor w = ones({2}).set_requires_grad();
  sum(w * 3.0).backward();
  const Arena arena({w});
  EXPECT_EQ(w.grad().storage(), arena.gradients().storage());
  sum(w * 4.0).backward();
  EXPECT_EQ(w.grad().to_vector<float>(), (std::vector<float>{7, 7}));
}

TEST(Arena, RefusesParametersThatDoNotFitTogether) {
  const Tensor w = ones({2}).set_requires_grad();
  expect_throw<ValueError>([] { Arena(std::vector<Tensor>()); }, {"there are no parameters"});
  expect_throw<ValueError>([&] { Arena({w, w}); }, {"parameter 1 is given twice"});
  expect_throw<ValueError>([&] { Arena({w, Tensor()}); }, {"parameter 1 is undefined"});
  expect_throw<ValueError>([&] { Arena({w * 2.0}); }, {"parameter 0", "result of an operation"});
  expect_throw<DTypeError>([&] { Arena({w, ones({2}, DType::f64)}); }, {"number 0 is f32, number 1 is f64"});
  expect_throw<DTypeError>([&] { Arena({ones({2}, DType::f16)}); }, {"f32 or f64, number 0 is f16"});
  for (const Device device : accelerators()) {
    expect_throw<DeviceError>([&] { Arena({w, ones({2}, DType::f32, device)}); }, {"number 0 is on cpu"});
  }
}

// Records what it is asked to update, and adds the count to every weight.
class Recorder final : public Optimizer {
 public:
  Recorder() : Optimizer(1) {}
  std::string_view type_name() const override { return "Recorder"; }
  std::vector<std::pair<int64_t, int64_t>> runs;  // elements, count

 protected:
  std::vector<std::string> state_names() const override { return {"copy"}; }
  void update(Run& run) override {
    EXPECT_EQ(run.w.numel(), run.g.numel());
    EXPECT_EQ(run.w.numel(), run.state[0].numel());
    runs.emplace_back(run.w.numel(), run.clock.step);
    run.w.copy_(run.w + static_cast<double>(run.clock.step));
    run.state[0].copy_(run.w);
  }
};

TEST(Optimizer, UpdatesEachRunOfParametersWithGradientsOnce) {
  std::vector<Tensor> parameters;
  for (int i = 0; i < 4; ++i) parameters.push_back(zeros({3}).set_requires_grad());
  Recorder recorder;
  recorder.attach(parameters);
  using Runs = std::vector<std::pair<int64_t, int64_t>>;
  const auto step_with = [&](std::initializer_list<size_t> which) {
    recorder.zero_grad();
    for (const size_t i : which) sum(parameters[i]).backward();
    recorder.runs.clear();
    recorder.step();
    return recorder.runs;
  };
  EXPECT_EQ(step_with({0, 1, 2, 3}), (Runs{{16 * 3 + 3, 1}}));  // slots of 16 floats
  EXPECT_EQ(step_with({0, 1, 3}), (Runs{{16 + 3, 2}, {3, 2}}));
  EXPECT_EQ(step_with({0, 1, 2, 3}),
            (Runs{{16 + 3, 3}, {3, 2}, {3, 3}}));  // number 2 has had one update less
  EXPECT_EQ(step_with({}), Runs{});
  EXPECT_EQ(recorder.step_count(), 4);
  EXPECT_EQ(parameters[2].to_vector<float>(), (std::vector<float>{3, 3, 3}));
  EXPECT_EQ(parameters[3].to_vector<float>(), (std::vector<float>{6, 6, 6}));
}

TEST(Optimizer, StepInvalidatesTapesMadeBefore) {
  Tensor w = ones({2}).set_requires_grad();
  SGD optimizer({w}, {.lr = 0.1});
  const Tensor loss = sum(square(w));
  sum(w).backward();
  optimizer.step();
  expect_throw<AutogradError>([&] { loss.backward(); }, {"written to between"});
}

TEST(Optimizer, CollectsGradientsThatLieElsewhere) {
  Tensor w = zeros({2}).set_requires_grad();
  SGD optimizer({w}, {.lr = 1});
  w.impl()->grad = tensor({1, 2}).impl();
  optimizer.step();
  EXPECT_EQ(w.to_vector<float>(), (std::vector<float>{-1, -2}));
}

TEST(Optimizer, KeepsThePaddingZero) {
  std::vector<Tensor> parameters = three_parameters();
  Adam optimizer(parameters, {.lr = 0.1, .weight_decay = 0.1});
  for (int i = 0; i < 3; ++i) {
    optimizer.zero_grad();
    for (const Tensor& w : parameters) sum(square(w)).backward();
    optimizer.step();
  }
  const Tensor flat({parameters[0].storage(), 0, {16 + 16 + 16}, {1}, DType::f32});
  const auto values = flat.to_vector<float>();
  for (const size_t padding : {15, 17, 31, 39, 47}) EXPECT_EQ(values[padding], 0) << padding;
}

TEST(Optimizer, NoticesParametersThatWereMoved) {
  Tensor w = ones({2}).set_requires_grad();
  SGD first({w}, {.lr = 1});
  sum(w).backward();
  SGD second({w}, {.lr = 1});
  expect_throw<ValueError>([&] { first.step(); },
                           {"parameter 0 [2] was moved", "attach the parameters again"});
  second.step();
  EXPECT_EQ(w.to_vector<float>(), (std::vector<float>{0, 0}));
}

}  // namespace
}  // namespace dlengine::test

// The predictor agrees with the model in evaluation mode.
#include "dlengine/train/predictor.h"

#include <gtest/gtest.h>

#include <functional>
#include <latch>
#include <memory>
#include <optional>
#include <thread>

#include "dlengine/core/autograd.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/ops.h"
#include "dlengine/core/random.h"
#include "dlengine/core/stream.h"
#include "dlengine/layers/layers.h"
#include "dlengine/optim/optim.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"

namespace dlengine::test {
namespace {

/// Convolutions of every kind that prepares its filters: Winograd's, direct ones, the library's.
Sequential convolutions() {
  return Sequential(Conv2d({.in_channels = 3, .out_channels = 16, .kernel = 3}), ReLU(),
                    Conv2d({.in_channels = 16, .out_channels = 32, .kernel = 3, .padding = 1}), Dropout(0.5),
                    Conv2d({.in_channels = 32, .out_channels = 16, .kernel = 4, .stride = 2}), ReLU(),
                    MaxPool2d({.kernel = 2}), Flatten(), Linear({.in_features = 16, .out_features = 5}),
                    LogSoftmax());
}

Sequential with_norms() {
  return Sequential(Sequential(Conv2d({.in_channels = 3, .out_channels = 16, .kernel = 3}),
                               BatchNorm2d({.num_features = 16}), ReLU()),
                    Conv2d({.in_channels = 16, .out_channels = 16, .kernel = 3}),
                    BatchNorm2d({.num_features = 16}), Flatten(),
                    Linear({.in_features = 256, .out_features = 5}), BatchNorm1d({.num_features = 5}));
}

Tensor evaluated(Sequential& model, const Tensor& x) {
  const NoGrad no_grad;
  const EvaluationMode mode(model);
  return model(x);
}

TEST(Predictor, GivesTheModelsBits) {
  for (const Device device : devices()) {
    for (const DType dtype : floating_types()) {
      SCOPED_TRACE(std::string(name(dtype)) + " on " + to_string(device));
      manual_seed(2);
      Sequential model = convolutions();
      model.to(dtype);
      Predictor predict(model, device);
      for (int i = 0; i < 12; ++i) {
        const Tensor x = randn({i % 2 ? 1 : 4, 3, 8, 8}).to(dtype);
        const Tensor y = predict(x);
        EXPECT_EQ(y.device(), device);
        EXPECT_FALSE(y.requires_grad());
        EXPECT_EQ(y.to_vector<float>(), evaluated(model, x.to(device)).to_vector<float>()) << "call " << i;
      }
      EXPECT_TRUE(model.training());
    }
  }
}

TEST(Predictor, FoldsBatchNormsWithTheSameBitsInEveryCall) {
  for (const Device device : devices()) {
    for (const DType dtype : {DType::f32, DType::f64}) {
      SCOPED_TRACE(std::string(name(dtype)) + " on " + to_string(device));
      manual_seed(2);
      Sequential model = with_norms();
      model.to(dtype);
      model.to(device);
      for (int i = 0; i < 3; ++i) model(randn({4, 3, 8, 8}, 1, 2, dtype, device));  // collects statistics
      Predictor predict(model, device);
      const Tensor x = randn({2, 3, 8, 8}, 1, 2, dtype, device);
      const auto first = predict(x).to_vector<double>();
      for (int i = 0; i < 5; ++i) EXPECT_EQ(predict(x).to_vector<double>(), first) << "call " << i + 2;
      // Sums of 144 and of 256 terms, then divided by deviations of about 1/4.
      expect_close(predict(x), to_ndarray(evaluated(model, x)),
                   tolerance(dtype, {.terms = 400, .roundings = 10, .magnitude = 4}));
    }
  }
}

TEST(Predictor, MakesAModelWhoseSizesTheInputTells) {
  manual_seed(3);
  Sequential model(Conv2d({.out_channels = 16, .kernel = 3}), BatchNorm2d(), Flatten(),
                   Linear({.out_features = 3}));
  Predictor predict(model);
  const Tensor x = randn({2, 3, 6, 6});
  const auto first = predict(x).to_vector<float>();
  for (int i = 0; i < 4; ++i) EXPECT_EQ(predict(x).to_vector<float>(), first) << "call " << i + 2;
}

/// Calls change(i) before each of some calls and compares with a new predictor.
void expect_to_follow(Sequential& model, Device device, const std::function<void(int)>& change) {
  Predictor predict(model, device);
  const Tensor x = randn({2, 3, 8, 8}).to(device);
  std::vector<float> before;
  for (int i = 0; i < 8; ++i) {
    change(i);
    const auto y = predict(x).to_vector<float>();
    EXPECT_EQ(y, Predictor(model, device)(x).to_vector<float>()) << "call " << i;
    EXPECT_NE(y, before) << "call " << i;
    before = y;
  }
}

TEST(Predictor, SeesNewWeights) {
  for (const Device device : devices()) {
    for (const DType dtype : floating_types()) {
      SCOPED_TRACE(std::string(name(dtype)) + " on " + to_string(device));
      Sequential model = convolutions();
      model.to(dtype);
      Predictor predict(model, device);
      const Tensor x = randn({2, 3, 8, 8}).to(dtype).to(device);
      for (int i = 0; i < 8; ++i) {
        {
          const NoGrad no_grad;
          for (Tensor parameter : model.parameters()) parameter.copy_(parameter * (i % 2 ? -0.5 : -2.0));
        }
        EXPECT_EQ(predict(x).to_vector<float>(), evaluated(model, x).to_vector<float>()) << "call " << i;
      }
    }
  }
}

TEST(Predictor, SeesTrainingAndStatistics) {
  for (const Device device : devices()) {
    SCOPED_TRACE(to_string(device));
    manual_seed(4);
    Sequential model = with_norms();
    model.to(device);
    const auto optimizer = make_optimizer("momentum", 0.05);
    optimizer->attach(model.parameters());
    CapturedStep step(device, [&](const std::vector<Tensor>& in) {
      optimizer->zero_grad();
      mean(square(model(in[0]))).backward();
      optimizer->step();
      return std::vector<Tensor>();
    });
    const Tensor batch = randn({4, 3, 8, 8}).to(device);
    expect_to_follow(model, device, [&](int) { step({batch}); });
    EXPECT_GT(step.kernels(), 0);
  }
}

TEST(Predictor, SeesStatisticsThatAReplayCollects) {
  for (const Device device : devices()) {
    SCOPED_TRACE(to_string(device));
    manual_seed(5);
    Sequential model = with_norms();
    model.to(device);
    CapturedStep collect(device, [&](const std::vector<Tensor>& in) {
      const NoGrad no_grad;
      model(in[0]);
      return std::vector<Tensor>();
    });
    const Tensor batch = randn({4, 3, 8, 8}, 1, 3).to(device);
    expect_to_follow(model, device, [&](int) { collect({batch}); });
  }
}

TEST(Predictor, SeesThatAnOptimizerMovesTheParameters) {
  for (const Device device : devices()) {
    SCOPED_TRACE(to_string(device));
    manual_seed(6);
    Sequential model = with_norms();
    std::vector<std::unique_ptr<Optimizer>> optimizers;
    expect_to_follow(model, device, [&](int i) {
      if (i % 2 == 1) {
        optimizers.push_back(make_optimizer("sgd", 0.1));
        optimizers.back()->attach(model.parameters());
      }
      const NoGrad no_grad;
      for (Tensor parameter : model.parameters()) parameter.copy_(parameter * 0.75);
    });
  }
}

TEST(Predictor, RunsAsUsualInsideOfAnotherStep) {
  manual_seed(7);
  Sequential model = with_norms();
  Predictor predict(model);
  const Tensor x = randn({2, 3, 8, 8});
  predict(x);
  CapturedStep outer(kCpu, [&](const std::vector<Tensor>& in) { return std::vector{predict(in[0]) * 2}; });
  for (int i = 0; i < 6; ++i) {
    {
      const NoGrad no_grad;
      for (Tensor parameter : model.parameters()) parameter.copy_(parameter * 0.75);
    }
    expect_close(outer({x})[0], to_ndarray(evaluated(model, x) * 2),
                 tolerance(DType::f32, {.terms = 400, .roundings = 10, .magnitude = 4}));
  }
}

TEST(Predictor, LeavesWhatItReturned) {
  for (const Device device : devices()) {
    SCOPED_TRACE(to_string(device));
    Sequential model = convolutions();
    Predictor predict(model, device);
    std::vector<Tensor> inputs, outputs;
    for (int i = 0; i < 8; ++i) {
      inputs.push_back(randn({2, 3, 8, 8}).to(device));
      outputs.push_back(predict(inputs.back()));
    }
    for (size_t i = 0; i < 8; ++i)
      EXPECT_EQ(outputs[i].to_vector<float>(), evaluated(model, inputs[i]).to_vector<float>()) << i;
  }
}

/// Wrong answers of threads that call f(thread, x) with inputs of three batch sizes, each on the device's
/// stream or on one of its own. The model is left in training mode.
std::vector<int> wrong_answers(Sequential& model, Device device, bool own_streams,
                               const std::function<Tensor(int, const Tensor&)>& f) {
  constexpr int kThreads = 4, kSizes = 3;
  const int calls = device == kCpu ? 150 : 12;
  std::vector<Tensor> inputs;
  std::vector<std::vector<float>> want;
  for (int64_t i = 0; i < kThreads * kSizes; ++i) {
    inputs.push_back(randn({1 + i % kSizes, 3, 8, 8}).to(device));
    want.push_back(evaluated(model, inputs.back()).to_vector<float>());
  }
  synchronize(device);
  std::latch start(kThreads);
  std::vector<int> wrong(kThreads);
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      std::optional<StreamGuard> own;
      if (own_streams) own.emplace(Stream(device));
      start.arrive_and_wait();
      for (int call = 0; call < calls; ++call) {
        const auto i = static_cast<size_t>(thread * kSizes + call % kSizes);
        if (f(thread, inputs[i]).to_vector<float>() != want[i]) ++wrong[static_cast<size_t>(thread)];
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  return wrong;
}

TEST(Predictor, OfManyThreadsGivesEachItsAnswer) {
  for (const Device device : devices()) {
    for (const bool own_streams : {false, true}) {
      SCOPED_TRACE(to_string(device) + (own_streams ? ", streams of their own" : ", one stream"));
      Sequential model = convolutions();
      model.to(device);
      Predictor predict(model, device);
      EXPECT_EQ(wrong_answers(model, device, own_streams, [&](int, const Tensor& x) { return predict(x); }),
                std::vector<int>(4));
      EXPECT_TRUE(model.training());
    }
  }
}

TEST(Predictor, OfEachThreadOnOneModelGivesItsAnswers) {
  for (const Device device : devices()) {
    SCOPED_TRACE(to_string(device));
    Sequential model = convolutions();  // in training mode, and with dropout
    model.to(device);
    std::vector<Predictor> predictors;
    for (int i = 0; i < 4; ++i) predictors.emplace_back(model, device);
    const auto call = [&](int thread, const Tensor& x) { return predictors[size_t(thread)](x); };
    EXPECT_EQ(wrong_answers(model, device, true, call), std::vector<int>(4));
    EXPECT_TRUE(model.training());
  }
}

/// Says nothing of being replayable.
class CountsCalls final : public Module {
 public:
  std::string_view type_name() const override { return "CountsCalls"; }
  Tensor forward(const Tensor& x) override { return x * double(++calls); }
  int calls = 0;
};

TEST(Predictor, CallsModulesThatAreNotReplayable) {
  CountsCalls model;
  Predictor predict(model);
  for (int i = 1; i < 7; ++i)
    EXPECT_EQ(predict(ones({2})).to_vector<float>(), std::vector<float>(2, float(i)));
}

}  // namespace
}  // namespace dlengine::test

// Calls of the CUDA libraries that fail in the middle of a training step, each in turn: an error that names
// the call, no memory lost, and the next step is as good as ever.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "dlengine/core/autograd.h"
#include "dlengine/core/capture.h"
#include "dlengine/core/error.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/ops.h"
#include "dlengine/core/stream.h"
#include "dlengine/layers/layers.h"
#include "dlengine/optim/adam.h"
#include "tests/emulator/control.h"
#include "tests/support/devices.h"

namespace dlengine::test {
namespace {

constexpr Device kCuda{DeviceKind::cuda, 0};
constexpr int kUnknown = 999, kOutOfMemory = 2;  // of cudaError_t

// One step of a small network from its making to its loss. A batch size that is new makes new plans.
double train(int64_t batch) {
  manual_seed(1);
  Sequential model;
  model.add(Conv2d({.in_channels = 5, .out_channels = 2, .kernel = 3}));
  model.add(BatchNorm2d({.num_features = 2}));
  model.add(ReLU());
  model.add(MaxPool2d({.kernel = 2}));
  model.add(Dropout(0.5));
  model.add(Flatten());
  model.add(Linear({.in_features = 8, .out_features = 3}));
  model.to(kCuda);
  Adam optimizer({.lr = 1e-2});
  optimizer.attach(model.parameters());
  const Tensor x = randn({batch, 5, 6, 6}, 0, 1, DType::f32, kCuda);
  const Tensor labels = full({batch}, 1, DType::i64, kCuda);
  const Tensor loss = cross_entropy(model(x), labels);
  loss.backward();
  optimizer.step();
  const double value = loss.item<double>();
  synchronize(kCuda);
  return value;
}

// What the error says, or "" if the step went through, with its loss.
std::string error_of_step(int64_t batch, double* loss = nullptr) {
  try {
    const double value = train(batch);
    if (loss) *loss = value;
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

class FailingCalls : public testing::Test {
 protected:
  void SetUp() override {
    if (accelerators().empty() || !is_available(kCuda)) GTEST_SKIP() << "no emulated device";
    train(4);
    device_ = emulated_device();
    if (!device_) GTEST_SKIP() << "calls can be made to fail on the emulated device alone";
    synchronize(kCuda);
    allocations_ = device_->live_allocations();
    device_->inject("*", 0, 0);
    train(4);
    calls_ = device_->calls();
  }

  void TearDown() override {
    if (!device_) return;
    device_->inject("*", 0, 0);
    device_->set_capacity(size_t{2} << 30);
  }

  emulator::Control* device_ = nullptr;
  size_t allocations_ = 0;
  uint64_t calls_ = 0;
};

// What is called where memory is given back, which must not throw, or asked after an error.
bool may_fail_unseen(const std::string& call) {
  return call == "cudaFreeAsync" || call == "cudaGetDevice" || call == "cudaGetLastError" ||
         call.find("Destroy") != std::string::npos;
}

TEST_F(FailingCalls, OfAnyKindAreErrorsThatNameTheCall) {
  ASSERT_GT(calls_, 50u);
  const double want = train(4);
  std::set<std::string> seen;
  for (uint64_t call = 1; call <= calls_; ++call) {
    device_->inject("*", call, kUnknown);
    double loss = 0;
    const std::string error = error_of_step(4, &loss);
    const std::string failed = device_->failed_call();
    device_->inject("*", 0, 0);
    SCOPED_TRACE("call " + std::to_string(call) + ": " + failed);
    ASSERT_NE(failed, "");
    seen.insert(failed);
    if (error.empty()) {
      EXPECT_TRUE(may_fail_unseen(failed));
      EXPECT_EQ(loss, want);
    } else {
      EXPECT_THAT(error, testing::HasSubstr(failed == "cudaLaunchKernel" ? "launch of" : failed));
    }
    synchronize(kCuda);
    // What cudaFreeAsync did not free is lost by the driver, not by us.
    if (failed == "cudaFreeAsync") ++allocations_;
    EXPECT_EQ(device_->live_allocations(), allocations_);
    EXPECT_EQ(train(4), want);
  }
  EXPECT_THAT(seen, testing::IsSupersetOf({"cudaMallocAsync", "cudaLaunchKernel", "cudaMemcpyAsync",
                                           "cudaStreamSynchronize", "cublasLtMatmul",
                                           "cudnnConvolutionBiasActivationForward",
                                           "cudnnConvolutionBackwardFilter"}));
}

// What cuBLASLt answers where a matrix has one row or column and the product an epilogue.
TEST_F(FailingCalls, AProductWithoutAnAlgorithmForItsEpilogueIsDoneInParts) {
  constexpr int kInvalidValue = 7, kNotSupported = 15;  // of cublasStatus_t
  int64_t inputs = 37;                                  // new to the plans
  for (const int status : {kInvalidValue, kNotSupported}) {
    const Tensor x = randn({1, ++inputs}), w = randn({1, inputs}), b = ones({1});
    device_->inject("cublasLtMatmulAlgoGetHeuristic", 1, status);
    const Tensor y = linear(x.to(kCuda), w.to(kCuda), b.to(kCuda));
    EXPECT_EQ(device_->failed_call(), "cublasLtMatmulAlgoGetHeuristic");
    EXPECT_NEAR(y.item<double>(), linear(x, w, b).item<double>(), 1e-4);
    device_->inject("cublasLtMatmulAlgoGetHeuristic", 1, status);
    EXPECT_THROW(matmul(ones({2, inputs}, DType::f32, kCuda), ones({inputs, 1}, DType::f32, kCuda)),
                 DeviceError);
  }
}

TEST_F(FailingCalls, WhilePlansAreMadeLeaveNoHalfPlan) {
  device_->inject("*", 0, 0);
  train(5);
  const uint64_t calls = device_->calls();
  ASSERT_GT(calls, calls_);
  for (uint64_t call = 1; call <= calls; call += 3) {
    const auto batch = static_cast<int64_t>(6 + call);  // new to the plans
    device_->inject("*", call, kUnknown);
    const std::string error = error_of_step(batch);
    const std::string failed = device_->failed_call();
    device_->inject("*", 0, 0);
    SCOPED_TRACE("call " + std::to_string(call) + ": " + failed);
    if (failed == "cudaFreeAsync") ++allocations_;
    synchronize(kCuda);
    EXPECT_EQ(device_->live_allocations(), allocations_);
    EXPECT_EQ(error_of_step(batch), "");
  }
}

TEST_F(FailingCalls, OfMemoryAreTriedAgain) {
  const double want = train(4);
  device_->inject("cudaMallocAsync", 0, 0);
  train(4);
  const uint64_t allocations = device_->calls();
  ASSERT_GT(allocations, 10u);
  for (uint64_t call = 1; call <= allocations; ++call) {
    SCOPED_TRACE("allocation " + std::to_string(call));
    device_->inject("cudaMallocAsync", call, kOutOfMemory);
    EXPECT_EQ(train(4), want);  // the second attempt, after the pool was trimmed, gets the memory
  }
}

TEST_F(FailingCalls, AtTheEndOfARecordingLeaveTheNumbersOfOthersRight) {
  const NoGrad no_grad;
  Generator generator(5), same;
  Tensor drawn = zeros({2}, DType::f32, kCuda);
  const auto step = [&] { drawn.copy_(rand({2}, 0, 1, DType::f32, kCuda, generator)); };
  RecordedStep recorded(kCuda);
  ASSERT_TRUE(recorded.rehearse(step));
  recorded.record(step);
  device_->inject("cudaGraphInstantiate", 1, kOutOfMemory);
  EXPECT_THROW(recorded.record(step, 3), Error);
  same.set_state(generator.state());
  for (int i = 0; i < 2; ++i) {
    recorded.replay();
    EXPECT_EQ(drawn.to_vector<float>(), rand({2}, 0, 1, DType::f32, kCpu, same).to_vector<float>());
  }
}

TEST_F(FailingCalls, WithLessAndLessMemoryAreOutOfMemoryErrorsWithNumbers) {
  const double want = train(4);
  const size_t workspaces = size_t{32} << 20;  // taken before, for good
  int refusals = 0;
  std::string error = "none yet";
  for (size_t capacity = workspaces; !error.empty(); capacity += 512) {
    SCOPED_TRACE(std::to_string(capacity) + " bytes");
    device_->set_capacity(capacity);
    double loss = 0;
    error = error_of_step(4, &loss);
    if (error.empty()) {
      EXPECT_EQ(loss, want);
    } else {
      ASSERT_THAT(error, testing::AllOf(testing::HasSubstr("out of memory"), testing::HasSubstr("MiB")));
      ++refusals;
    }
    synchronize(kCuda);
    ASSERT_EQ(device_->live_allocations(), allocations_);
  }
  EXPECT_GT(refusals, 5);
}

}  // namespace
}  // namespace dlengine::test

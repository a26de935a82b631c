// Wrong calls of cuDNN, each after the correct call that it is a slip of.
#include <memory>

#include "tests/emulator/bugs/bug_test.h"
#include "tests/emulator/contract/contract_norm.h"
#include "tests/emulator/libraries/library_kinds.h"
#include "tests/emulator/report.h"
#include "tests/emulator/runtime/handles.h"

namespace dlengine::emulator::test {
namespace {

using contract::BatchNorm;
using contract::DeviceArray;
using contract::DnnHandle;
using contract::DnnTensor;
using Conv = contract::Convolution<float>;

class DnnBugs : public BugTest {
 protected:
  // The convolution as it should be.
  void expect_correct(Conv& conv) {
    conv.use(stream_);
    ASSERT_EQ(conv.forward(), CUDNN_STATUS_SUCCESS);
    stream_.wait();
    expect_silence();
  }
  // The call itself sees what `spoil` did to it.
  template <typename Spoil>
  void expect_refused(std::string_view kind, const Spoil& spoil,
                      cudnnStatus_t status = CUDNN_STATUS_BAD_PARAM) {
    Conv conv({});
    expect_correct(conv);
    spoil(conv);
    EXPECT_EQ(conv.forward(), status);
    expect_report(kind);
  }

  Stream stream_, other_;
};

cudnnStatus_t set_float(cudnnTensorDescriptor_t tensor, int n, int c, int h, int w) {
  return cudnnSetTensor4dDescriptor(tensor, CUDNN_TENSOR_NCHW, CUDNN_DATA_FLOAT, n, c, h, w);
}

TEST_P(DnnBugs, HandleLeftOnTheDefaultStream) {
  for (const bool bound : {true, false}) {
    Conv conv({});
    expect_correct(conv);
    const Buffer x(conv.shape.x_count());
    const DnnHandle fresh;
    if (bound) {
      ASSERT_EQ(cudnnSetStream(fresh, stream_), CUDNN_STATUS_SUCCESS);
    }
    ASSERT_EQ(enqueue_write(stream_, x, 1), cudaSuccess);
    ASSERT_EQ(
        cudnnConvolutionForward(fresh, &conv.alpha, conv.x_tensor, x.data(), conv.w_filter,
                                conv.w_data.data(), conv.options, Conv::kForward, conv.workspace->data(),
                                conv.bytes, &conv.beta, conv.y_tensor, conv.y_data.data()),
        CUDNN_STATUS_SUCCESS);
    stream_.wait();
    ASSERT_EQ(cudaDeviceSynchronize(), cudaSuccess);
    if (bound) {
      expect_silence();
    } else {  // a reader that overtakes the writer reads what nobody has written
      expect_reports_of({kind::kOperationRace, kind::kUninitialised});
    }
  }
}

TEST_P(DnnBugs, StreamsThatShareAWorkspaceRace) {
  Conv first({}), second({});
  expect_correct(first);
  expect_correct(second);
  ASSERT_EQ(cudnnSetStream(second.handle, other_), CUDNN_STATUS_SUCCESS);
  ASSERT_EQ(first.forward(), CUDNN_STATUS_SUCCESS);
  ASSERT_EQ(second.forward(), CUDNN_STATUS_SUCCESS);  // each with its own
  stream_.wait();
  other_.wait();
  expect_silence();
  const std::unique_ptr<DeviceArray<char>> own = std::move(second.workspace);
  second.workspace = std::move(first.workspace);
  const auto forward_in = [&](Conv& conv, void* workspace) {
    return cudnnConvolutionForward(conv.handle, &conv.alpha, conv.x_tensor, conv.x_data.data(), conv.w_filter,
                                   conv.w_data.data(), conv.options, Conv::kForward, workspace, conv.bytes,
                                   &conv.beta, conv.y_tensor, conv.y_data.data());
  };
  ASSERT_EQ(forward_in(first, second.workspace->data()), CUDNN_STATUS_SUCCESS);
  order(stream_, other_);
  ASSERT_EQ(second.forward(), CUDNN_STATUS_SUCCESS);
  other_.wait();
  expect_silence();
  ASSERT_EQ(forward_in(first, second.workspace->data()), CUDNN_STATUS_SUCCESS);
  ASSERT_EQ(second.forward(), CUDNN_STATUS_SUCCESS);
  stream_.wait();
  other_.wait();
  expect_report(kind::kOperationRace);
}

TEST_P(DnnBugs, DescriptorsAreSetAndLive) {
  const auto with_y = [](Conv& conv, cudnnTensorDescriptor_t y) {
    return cudnnConvolutionForward(conv.handle, &conv.alpha, conv.x_tensor, conv.x_data.data(), conv.w_filter,
                                   conv.w_data.data(), conv.options, Conv::kForward, conv.workspace->data(),
                                   conv.bytes, &conv.beta, y, conv.y_data.data());
  };
  Conv conv({});
  expect_correct(conv);
  DnnTensor y;
  EXPECT_EQ(with_y(conv, y), CUDNN_STATUS_BAD_PARAM);
  expect_report(kind::kUnsetDescriptor);
  ASSERT_EQ(set_float(y, 2, 6, 7, 6), CUDNN_STATUS_SUCCESS);
  EXPECT_EQ(with_y(conv, y), CUDNN_STATUS_SUCCESS);
  cudnnTensorDescriptor_t gone = y;
  y.destroy();
  stream_.wait();  // the work that was started does not need it any more
  expect_silence();
  EXPECT_EQ(with_y(conv, gone), CUDNN_STATUS_BAD_PARAM);
  expect_report(kind::kDestroyedHandle);
  EXPECT_EQ(cudnnDestroyTensorDescriptor(gone), CUDNN_STATUS_BAD_PARAM);
  expect_report(kind::kDestroyedHandle);
  EXPECT_EQ(with_y(conv, nullptr), CUDNN_STATUS_BAD_PARAM);
  expect_report(kind::kForeignHandle);
  EXPECT_EQ(cudnnSetStream(nullptr, stream_), CUDNN_STATUS_NOT_INITIALIZED);
  expect_report(kind::kForeignHandle);
}

TEST_P(DnnBugs, ShapesFit) {
  expect_refused(kind::kWrongShape,
                 [](Conv& conv) { ASSERT_EQ(set_float(conv.y_tensor, 2, 6, 7, 5), CUDNN_STATUS_SUCCESS); });
  expect_refused(kind::kWrongShape,
                 [](Conv& conv) { ASSERT_EQ(set_float(conv.y_tensor, 3, 6, 7, 6), CUDNN_STATUS_SUCCESS); });
  expect_refused(kind::kWrongShape, [](Conv& conv) {
    ASSERT_EQ(cudnnSetConvolutionGroupCount(conv.options, 2), CUDNN_STATUS_SUCCESS);
  });
  const DnnTensor tensor;
  EXPECT_EQ(set_float(tensor, 1, 0, 1, 1), CUDNN_STATUS_BAD_PARAM);
  expect_report(kind::kWrongShape);
  EXPECT_EQ(set_float(tensor, 1 << 16, 1 << 10, 1 << 6, 1), CUDNN_STATUS_NOT_SUPPORTED);
  expect_report(kind::kWrongShape);
}

TEST_P(DnnBugs, DataIsAsLongAsTheDescriptorsSay) {
  Conv conv({}), larger({.n = 3});
  expect_correct(conv);
  expect_correct(larger);
  ASSERT_EQ(set_float(conv.x_tensor, 3, 4, 9, 8), CUDNN_STATUS_SUCCESS);
  ASSERT_EQ(set_float(conv.y_tensor, 3, 6, 7, 6), CUDNN_STATUS_SUCCESS);
  EXPECT_EQ(conv.forward(), CUDNN_STATUS_SUCCESS);
  stream_.wait();
  expect_report(kind::kOutOfBounds);
}

TEST_P(DnnBugs, WorkspaceIsLargeEnough) {
  expect_refused(kind::kSmallWorkspace, [](Conv& conv) { --conv.bytes; });
  Conv conv({});
  expect_correct(conv);
  conv.workspace = std::make_unique<DeviceArray<char>>(conv.bytes - 4);  // smaller than what it is said to be
  EXPECT_EQ(conv.forward(), CUDNN_STATUS_SUCCESS);
  stream_.wait();
  expect_report(kind::kOutOfBounds);
}

TEST_P(DnnBugs, ResultIsReadOnlyWithBeta) {
  for (const float beta : {0.0F, 1.0F}) {
    Conv conv({});
    conv.use(stream_);
    const DeviceArray<float> fresh(conv.shape.y_count());
    EXPECT_EQ(cudnnConvolutionForward(conv.handle, &conv.alpha, conv.x_tensor, conv.x_data.data(),
                                      conv.w_filter, conv.w_data.data(), conv.options, Conv::kForward,
                                      conv.workspace->data(), conv.bytes, &beta, conv.y_tensor, fresh.data()),
              CUDNN_STATUS_SUCCESS);
    stream_.wait();
    if (beta == 0) {
      expect_silence();
    } else {
      expect_report(kind::kUninitialised);
    }
  }
}

TEST_P(DnnBugs, FactorsAndOverlaps) {
  Conv conv({});
  expect_correct(conv);
  const DeviceArray<float> one(std::vector<float>{1});
  const auto forward = [&](const float* alpha, const float* x, void* workspace) {
    return cudnnConvolutionForward(conv.handle, alpha, conv.x_tensor, x, conv.w_filter, conv.w_data.data(),
                                   conv.options, Conv::kForward, workspace, conv.bytes, &conv.beta,
                                   conv.y_tensor, conv.y_data.data());
  };
  EXPECT_EQ(forward(one.data(), conv.x_data.data(), conv.workspace->data()), CUDNN_STATUS_BAD_PARAM);
  expect_report(kind::kInvalidArgument);
  EXPECT_EQ(forward(&conv.alpha, nullptr, conv.workspace->data()), CUDNN_STATUS_BAD_PARAM);
  expect_report(kind::kInvalidArgument);
  EXPECT_EQ(forward(&conv.alpha, conv.y_data.data(), conv.workspace->data()), CUDNN_STATUS_BAD_PARAM);
  expect_report(kind::kOverlap);
  EXPECT_EQ(forward(&conv.alpha, conv.x_data.data(), conv.x_data.data()), CUDNN_STATUS_BAD_PARAM);
  expect_report(kind::kOverlap);
  EXPECT_EQ(forward(&conv.alpha, conv.x_data.data(), conv.workspace->data() + 4), CUDNN_STATUS_BAD_PARAM);
  expect_report(kind::kMisalignedOperand);
}

TEST_P(DnnBugs, NothingIsGuessed) {
  Conv conv({});
  expect_correct(conv);
  size_t bytes = 0;
  // A question may be answered with no.
  EXPECT_EQ(cudnnGetConvolutionForwardWorkspaceSize(conv.handle, conv.x_tensor, conv.w_filter, conv.options,
                                                    conv.y_tensor, CUDNN_CONVOLUTION_FWD_ALGO_FFT, &bytes),
            CUDNN_STATUS_NOT_SUPPORTED);
  expect_silence();
  EXPECT_EQ(cudnnConvolutionForward(conv.handle, &conv.alpha, conv.x_tensor, conv.x_data.data(),
                                    conv.w_filter, conv.w_data.data(), conv.options,
                                    CUDNN_CONVOLUTION_FWD_ALGO_FFT, conv.workspace->data(), conv.bytes,
                                    &conv.beta, conv.y_tensor, conv.y_data.data()),
            CUDNN_STATUS_NOT_SUPPORTED);
  expect_report(kind::kNotEmulated);
  EXPECT_EQ(cudnnSetTensor4dDescriptor(conv.x_tensor, CUDNN_TENSOR_NHWC, CUDNN_DATA_FLOAT, 2, 4, 9, 8),
            CUDNN_STATUS_NOT_SUPPORTED);
  expect_report(kind::kNotEmulated);
  EXPECT_EQ(cudnnSetConvolutionMathType(conv.options, CUDNN_TENSOR_OP_MATH_ALLOW_CONVERSION),
            CUDNN_STATUS_NOT_SUPPORTED);
  expect_report(kind::kNotEmulated);
  EXPECT_EQ(
      cudnnSetConvolution2dDescriptor(conv.options, 0, 0, 1, 1, 1, 1, CUDNN_CONVOLUTION, CUDNN_DATA_FLOAT),
      CUDNN_STATUS_NOT_SUPPORTED);
  expect_report(kind::kNotEmulated);
  char message[64];
  cudnnGetLastErrorString(message, sizeof(message));
  EXPECT_STREQ(message, "a convolution that flips its filter");
}

TEST_P(DnnBugs, Tf32Shows) {
  for (const bool allowed : {false, true}) {
    Conv conv({.c = 8, .k = 8, .r = 1, .s = 1});
    if (allowed) {
      ASSERT_EQ(cudnnSetConvolutionMathType(conv.options, CUDNN_DEFAULT_MATH), CUDNN_STATUS_SUCCESS);
    }
    expect_correct(conv);
    const std::vector<float> y = conv.y_data.read(stream_);
    const std::vector<contract::Expected> expected = conv.expected_y();
    size_t outside = 0;
    for (size_t i = 0; i < y.size(); ++i)
      outside += std::abs(double(y[i]) - expected[i].value) > contract::tolerance<float>(expected[i]);
    EXPECT_EQ(outside > y.size() / 4, allowed) << outside << " of " << y.size();
  }
}

class NormBugs : public DnnBugs {
 protected:
  BatchNorm<float> norm_;
  void SetUp() override {
    DnnBugs::SetUp();
    norm_.use(stream_);
  }
};

TEST_P(NormBugs, PointersComeInPairs) {
  const auto all = norm_.given();
  EXPECT_EQ(norm_.train(all), CUDNN_STATUS_SUCCESS);
  EXPECT_EQ(norm_.train({}), CUDNN_STATUS_SUCCESS);
  EXPECT_EQ(norm_.backward(all.saved_mean, all.saved_inv_std), CUDNN_STATUS_SUCCESS);
  stream_.wait();
  expect_silence();
  EXPECT_EQ(norm_.train({nullptr, all.running_variance, nullptr, nullptr}), CUDNN_STATUS_BAD_PARAM);
  expect_report(kind::kUnpaired);
  EXPECT_EQ(norm_.train({nullptr, nullptr, all.saved_mean, nullptr}), CUDNN_STATUS_BAD_PARAM);
  expect_report(kind::kUnpaired);
  EXPECT_EQ(norm_.backward(nullptr, all.saved_inv_std), CUDNN_STATUS_BAD_PARAM);
  expect_report(kind::kUnpaired);
}

TEST_P(NormBugs, ArgumentsAreChecked) {
  EXPECT_EQ(norm_.infer(), CUDNN_STATUS_SUCCESS);
  stream_.wait();
  expect_silence();
  norm_.epsilon = -1;
  EXPECT_EQ(norm_.infer(), CUDNN_STATUS_BAD_PARAM);
  expect_report(kind::kInvalidArgument);
  norm_.epsilon = 0;
  EXPECT_EQ(norm_.infer(), CUDNN_STATUS_SUCCESS);
  norm_.momentum = 2;
  EXPECT_EQ(norm_.train(norm_.given()), CUDNN_STATUS_BAD_PARAM);
  expect_report(kind::kInvalidArgument);
  ASSERT_EQ(set_float(norm_.channels, 1, 3, 1, 1), CUDNN_STATUS_SUCCESS);
  EXPECT_EQ(norm_.infer(), CUDNN_STATUS_BAD_PARAM);
  expect_report(kind::kWrongShape);
}

TEST_P(NormBugs, StatisticsAreInitialisedAndLongEnough) {
  auto given = norm_.given();
  const DeviceArray<float> fresh(4), shorter(std::vector<float>(3));
  given.running_mean = fresh.data();
  EXPECT_EQ(norm_.train(given), CUDNN_STATUS_SUCCESS);
  stream_.wait();
  expect_report(kind::kUninitialised);
  given = norm_.given();
  given.saved_mean = shorter.data();
  EXPECT_EQ(norm_.train(given), CUDNN_STATUS_SUCCESS);
  stream_.wait();
  expect_report(kind::kOutOfBounds);
}

TEST_P(NormBugs, OperandsAreAlignedTo16Bytes) {
  EXPECT_EQ(norm_.infer(norm_.x_data.data() + 1, norm_.y_data.data()), CUDNN_STATUS_BAD_PARAM);
  expect_report(kind::kMisalignedOperand);
}

TEST_P(NormBugs, LimitsOfTheRealOne) {
  norm_.describe(norm_.x_tensor, 65536);
  EXPECT_EQ(norm_.infer(), CUDNN_STATUS_NOT_SUPPORTED);
  expect_report(kind::kNotSupported);
}

DLENGINE_IN_EVERY_MODE(DnnBugs);
DLENGINE_IN_EVERY_MODE(NormBugs);

}  // namespace
}  // namespace dlengine::emulator::test

// Wrong calls of cuDNN's convolution with a bias and an activation, each after the correct call that it is a
// slip of.
#include "tests/emulator/bugs/bug_test.h"
#include "tests/emulator/contract/contract_convolution.h"
#include "tests/emulator/libraries/library_kinds.h"
#include "tests/emulator/report.h"

namespace dlengine::emulator::test {
namespace {

using contract::DeviceArray;
using contract::DnnActivation;
using contract::DnnTensor;
using Conv = contract::Convolution<float>;

// The call with a bias as it should be, and then with what `spoil` did to it.
class BiasBugs : public BugTest {
 protected:
  template <typename Spoil>
  void expect_bias_refused(std::string_view kind, const Spoil& spoil, cudnnStatus_t status) {
    Conv conv({});
    conv.use(stream_);
    ASSERT_EQ(conv.forward_with_bias(), CUDNN_STATUS_SUCCESS);
    stream_.wait();
    expect_silence();
    spoil(conv);
    EXPECT_EQ(conv.forward_with_bias(), status);
    expect_report(kind);
  }

  Stream stream_;
};

TEST_P(BiasBugs, TheBiasHasOneNumberForEachChannelAndTheTypeOfY) {
  const auto describe = [](cudnnDataType_t type, int n, int c) {
    return [=](Conv& conv) {
      ASSERT_EQ(cudnnSetTensor4dDescriptor(conv.bias_tensor, CUDNN_TENSOR_NCHW, type, n, c, 1, 1),
                CUDNN_STATUS_SUCCESS);
    };
  };
  expect_bias_refused(kind::kWrongShape, describe(CUDNN_DATA_FLOAT, 1, 5), CUDNN_STATUS_BAD_PARAM);
  expect_bias_refused(kind::kWrongShape, describe(CUDNN_DATA_FLOAT, 6, 1), CUDNN_STATUS_BAD_PARAM);
  expect_bias_refused(kind::kWrongShape, describe(CUDNN_DATA_DOUBLE, 1, 6), CUDNN_STATUS_BAD_PARAM);
}

TEST_P(BiasBugs, ActivationsAreThoseOfTheRealOne) {
  const auto activate = [](cudnnActivationMode_t mode, cudnnNanPropagation_t nan) {
    return [=](Conv& conv) {
      ASSERT_EQ(cudnnSetActivationDescriptor(conv.activation, mode, nan, 0), CUDNN_STATUS_SUCCESS);
    };
  };
  expect_bias_refused(kind::kNotSupported, activate(CUDNN_ACTIVATION_RELU, CUDNN_PROPAGATE_NAN),
                      CUDNN_STATUS_NOT_SUPPORTED);
  constexpr auto kOther = CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_GEMM;
  Conv conv({});
  conv.use(stream_);
  activate(CUDNN_ACTIVATION_RELU, CUDNN_NOT_PROPAGATE_NAN)(conv);
  EXPECT_EQ(conv.forward_with_bias(kOther), CUDNN_STATUS_SUCCESS);
  stream_.wait();
  expect_silence();
  activate(CUDNN_ACTIVATION_IDENTITY, CUDNN_NOT_PROPAGATE_NAN)(conv);
  EXPECT_EQ(conv.forward_with_bias(kOther), CUDNN_STATUS_NOT_SUPPORTED);
  expect_report(kind::kNotSupported);
  const DnnActivation unset;
  EXPECT_EQ(cudnnSetActivationDescriptor(unset, CUDNN_ACTIVATION_TANH, CUDNN_NOT_PROPAGATE_NAN, 0),
            CUDNN_STATUS_NOT_SUPPORTED);
  expect_report(kind::kNotEmulated);
}

TEST_P(BiasBugs, ADescriptorAndMemoryForEveryOperand) {
  Conv conv({});
  conv.use(stream_);
  const DnnTensor y, unset;
  ASSERT_EQ(cudnnSetTensor4dDescriptor(y, CUDNN_TENSOR_NCHW, CUDNN_DATA_FLOAT, 2, 6, 7, 6),
            CUDNN_STATUS_SUCCESS);
  const float one = 1, zero = 0;
  const auto forward = [&](const float* factor, cudnnTensorDescriptor_t z, const float* bias,
                           const DnnActivation& activation) {
    return cudnnConvolutionBiasActivationForward(
        conv.handle, &conv.alpha, conv.x_tensor, conv.x_data.data(), conv.w_filter, conv.w_data.data(),
        conv.options, Conv::kForward, conv.workspace->data(), conv.bytes, factor, z, conv.y_data.data(),
        conv.bias_tensor, bias, activation, conv.y_tensor, conv.y_data.data());
  };
  const float* const bias = conv.bias_data.data();
  EXPECT_EQ(forward(&zero, y, bias, conv.activation), CUDNN_STATUS_SUCCESS);
  stream_.wait();
  expect_silence();
  EXPECT_EQ(forward(&one, y, bias, conv.activation), CUDNN_STATUS_NOT_SUPPORTED);
  expect_report(kind::kNotEmulated);
  EXPECT_EQ(forward(&zero, conv.x_tensor, bias, conv.activation), CUDNN_STATUS_BAD_PARAM);
  expect_report(kind::kWrongShape);
  EXPECT_EQ(forward(&zero, unset, bias, conv.activation), CUDNN_STATUS_BAD_PARAM);
  expect_report(kind::kUnsetDescriptor);
  EXPECT_EQ(forward(&zero, y, nullptr, conv.activation), CUDNN_STATUS_BAD_PARAM);
  expect_report(kind::kInvalidArgument);
  EXPECT_EQ(forward(&zero, y, conv.y_data.data(), conv.activation), CUDNN_STATUS_BAD_PARAM);
  expect_report(kind::kOverlap);
  const DnnActivation fresh;
  EXPECT_EQ(forward(&zero, y, bias, fresh), CUDNN_STATUS_BAD_PARAM);
  expect_report(kind::kUnsetDescriptor);
  const DeviceArray<float> shorter(std::vector<float>(5));
  EXPECT_EQ(forward(&zero, y, shorter.data(), conv.activation), CUDNN_STATUS_SUCCESS);
  stream_.wait();
  expect_report(kind::kOutOfBounds);
}

DLENGINE_IN_EVERY_MODE(BiasBugs);

}  // namespace
}  // namespace dlengine::emulator::test

// The contract of cuDNN's convolutions: results in all types and shapes, and what is refused.
#include <algorithm>

#include "tests/emulator/contract/contract_convolution.h"

namespace dlengine::contract {
namespace {

template <typename T>
class ContractConvolution : public Contract {
 protected:
  void expect_all_directions(const ConvolutionShape& shape, double beta = 0) {
    Convolution<T> forward(shape), data(shape), filter(shape);
    forward.beta = data.beta = filter.beta = typename TypeOf<T>::Sum(beta);
    forward.use(stream_);
    ASSERT_EQ(forward.forward(), CUDNN_STATUS_SUCCESS);
    expect_near(forward.y_data.read(stream_), forward.expected_y());
    data.use(stream_);
    ASSERT_EQ(data.data_workspace(), CUDNN_STATUS_SUCCESS);
    ASSERT_EQ(data.backward_data(), CUDNN_STATUS_SUCCESS);
    expect_near(data.x_data.read(stream_), data.expected_x());
    filter.use(stream_);
    ASSERT_EQ(filter.filter_workspace(), CUDNN_STATUS_SUCCESS);
    ASSERT_EQ(filter.backward_filter(), CUDNN_STATUS_SUCCESS);
    expect_near(filter.w_data.read(stream_), filter.expected_w());
  }
};
using AllTypes = testing::Types<float, double, Half, BFloat16>;
TYPED_TEST_SUITE(ContractConvolution, AllTypes);

TYPED_TEST(ContractConvolution, Plain) {
  this->expect_all_directions({});
  this->expect_all_directions({.n = 1, .c = 1, .h = 3, .w = 3, .k = 1});
}
TYPED_TEST(ContractConvolution, Padded) {
  this->expect_all_directions({.pad_h = 1, .pad_w = 1});
  this->expect_all_directions({.r = 5, .s = 3, .pad_h = 2, .pad_w = 0});
}
TYPED_TEST(ContractConvolution, Strided) {
  this->expect_all_directions({.pad_h = 1, .pad_w = 1, .stride_h = 2, .stride_w = 3});
  this->expect_all_directions({.r = 1, .s = 1, .stride_h = 3, .stride_w = 3});  // some of x is never read
}
TYPED_TEST(ContractConvolution, Dilated) {
  this->expect_all_directions({.pad_h = 1, .pad_w = 1, .dilation_h = 2, .dilation_w = 3});
}
TYPED_TEST(ContractConvolution, Grouped) {
  this->expect_all_directions({.pad_h = 1, .pad_w = 1, .groups = 2});
  this->expect_all_directions({.c = 3, .k = 3, .groups = 3});
}
TYPED_TEST(ContractConvolution, AddedToWhatIsThere) { this->expect_all_directions({}, 1); }

TYPED_TEST(ContractConvolution, BiasAndActivation) {
  for (const ConvolutionShape& shape : {ConvolutionShape{}, ConvolutionShape{.pad_h = 1, .groups = 2}}) {
    for (const cudnnActivationMode_t mode : {CUDNN_ACTIVATION_IDENTITY, CUDNN_ACTIVATION_RELU}) {
      Convolution<TypeParam> conv(shape);
      conv.use(this->stream_);
      ASSERT_EQ(cudnnSetActivationDescriptor(conv.activation, mode, CUDNN_NOT_PROPAGATE_NAN, 0),
                CUDNN_STATUS_SUCCESS);
      ASSERT_EQ(conv.forward_with_bias(), CUDNN_STATUS_SUCCESS);
      std::vector<Expected> expected = conv.expected_sum();
      for (Expected& sum : expected) {
        if (mode == CUDNN_ACTIVATION_RELU) sum.value = std::max(sum.value, 0.0);
      }
      expect_near(conv.y_data.read(this->stream_), expected);
    }
  }
}

using ContractDnn = Contract;

TEST_F(ContractDnn, RankingNamesAlgorithmsThatRun) {
  Convolution<float> conv({});
  conv.use(stream_);
  cudnnConvolutionFwdAlgoPerf_t ranking[16];
  int count = 0;
  ASSERT_EQ(cudnnGetConvolutionForwardAlgorithm_v7(conv.handle, conv.x_tensor, conv.w_filter, conv.options,
                                                   conv.y_tensor, 16, &count, ranking),
            CUDNN_STATUS_SUCCESS);
  ASSERT_GT(count, 0);
  bool direct = false;
  for (int i = 0; i < count; ++i) {
    direct = direct ||
             (ranking[i].status == CUDNN_STATUS_SUCCESS && ranking[i].determinism == CUDNN_DETERMINISTIC &&
              ranking[i].algo <= CUDNN_CONVOLUTION_FWD_ALGO_DIRECT);
  }
  EXPECT_TRUE(direct);
}

TEST_F(ContractDnn, EveryDirectionHasARepeatableAlgorithm) {
  Convolution<float> conv({});
  conv.use(stream_);
  cudnnConvolutionBwdDataAlgoPerf_t of_data[16];
  cudnnConvolutionBwdFilterAlgoPerf_t of_filter[16];
  int data_count = 0, filter_count = 0;
  ASSERT_EQ(
      cudnnGetConvolutionBackwardDataAlgorithm_v7(conv.handle, conv.w_filter, conv.y_tensor, conv.options,
                                                  conv.x_tensor, 16, &data_count, of_data),
      CUDNN_STATUS_SUCCESS);
  ASSERT_EQ(
      cudnnGetConvolutionBackwardFilterAlgorithm_v7(conv.handle, conv.x_tensor, conv.y_tensor, conv.options,
                                                    conv.w_filter, 16, &filter_count, of_filter),
      CUDNN_STATUS_SUCCESS);
  const auto repeatable = [](const auto& entry, auto algorithm) {
    return entry.algo == algorithm && entry.status == CUDNN_STATUS_SUCCESS &&
           entry.determinism == CUDNN_DETERMINISTIC;
  };
  EXPECT_TRUE(std::any_of(of_data, of_data + data_count,
                          [&](const auto& entry) { return repeatable(entry, Convolution<float>::kData); }));
  EXPECT_TRUE(std::any_of(of_filter, of_filter + filter_count,
                          [&](const auto& entry) { return repeatable(entry, Convolution<float>::kFilter); }));
}

TEST_F(ContractDnn, DescriptorsAreChecked) {
  const DnnTensor tensor;
  const DnnFilter filter;
  const DnnConvolution conv;
  constexpr int kBad = CUDNN_STATUS_BAD_PARAM;
  EXPECT_EQ(category(cudnnSetTensor4dDescriptor(tensor, CUDNN_TENSOR_NCHW, CUDNN_DATA_FLOAT, -1, 1, 1, 1)),
            kBad);
  EXPECT_EQ(category(cudnnSetFilter4dDescriptor(filter, CUDNN_DATA_FLOAT, CUDNN_TENSOR_NCHW, 1, -1, 1, 1)),
            kBad);
  EXPECT_EQ(category(cudnnSetConvolution2dDescriptor(conv, -1, 0, 1, 1, 1, 1, CUDNN_CROSS_CORRELATION,
                                                     CUDNN_DATA_FLOAT)),
            kBad);
  EXPECT_EQ(category(cudnnSetConvolution2dDescriptor(conv, 0, 0, 0, 1, 1, 1, CUDNN_CROSS_CORRELATION,
                                                     CUDNN_DATA_FLOAT)),
            kBad);
  EXPECT_REFUSED(cudnnSetConvolutionGroupCount(conv, 0));
  expect_reports();
}

TEST_F(ContractDnn, ShapesMustFit) {
  const auto refused = [&](auto&& spoil) {
    Convolution<float> conv({});
    conv.use(stream_);
    spoil(conv);
    size_t bytes = 0;
    EXPECT_REFUSED(cudnnGetConvolutionForwardWorkspaceSize(
        conv.handle, conv.x_tensor, conv.w_filter, conv.options, conv.y_tensor, conv.kForward, &bytes));
    EXPECT_REFUSED(conv.forward());
    expect_reports();
  };
  refused([](auto& conv) {
    (void)cudnnSetTensor4dDescriptor(conv.y_tensor, CUDNN_TENSOR_NCHW, CUDNN_DATA_FLOAT, 2, 6, 7, 5);
  });
  refused([](auto& conv) {
    (void)cudnnSetTensor4dDescriptor(conv.x_tensor, CUDNN_TENSOR_NCHW, CUDNN_DATA_FLOAT, 2, 5, 9, 8);
  });
  refused([](auto& conv) {
    (void)cudnnSetFilter4dDescriptor(conv.w_filter, CUDNN_DATA_DOUBLE, CUDNN_TENSOR_NCHW, 6, 4, 3, 3);
  });
}

TEST_F(ContractDnn, BiasMustFit) {
  Convolution<float> conv({});
  conv.use(stream_);
  ASSERT_EQ(cudnnSetTensor4dDescriptor(conv.bias_tensor, CUDNN_TENSOR_NCHW, CUDNN_DATA_FLOAT, 1, 5, 1, 1),
            CUDNN_STATUS_SUCCESS);
  EXPECT_REFUSED(conv.forward_with_bias());
  expect_reports();
}

TEST_F(ContractDnn, Tf32RoundsTheInputs) {
  Convolution<float> conv({.n = 4, .c = 32, .h = 16, .w = 16, .k = 32});
  ASSERT_EQ(cudnnSetConvolutionMathType(conv.options, CUDNN_DEFAULT_MATH), CUDNN_STATUS_SUCCESS);
  conv.use(stream_);
  ASSERT_EQ(conv.forward(), CUDNN_STATUS_SUCCESS);
  const std::vector<Expected> expected = conv.expected_y();
  const std::vector<float> result = conv.y_data.read(stream_);
  for (size_t i = 0; i < result.size(); ++i)
    ASSERT_NEAR(double(result[i]), expected[i].value, 0x1p-10 * expected[i].magnitude);
}

}  // namespace
}  // namespace dlengine::contract

// The contract of cuDNN's batch norm: results in the types that it takes, and what is refused.
#include "tests/emulator/contract/contract_norm.h"

namespace dlengine::contract {
namespace {

// Mean and biased variance by channel, in double.
template <typename T>
void moments(const BatchNorm<T>& norm, std::vector<double>& mean, std::vector<double>& variance) {
  constexpr double kSamples = BatchNorm<T>::kN * BatchNorm<T>::kPixels;
  mean.assign(BatchNorm<T>::kC, 0);
  variance.assign(BatchNorm<T>::kC, 0);
  for (size_t i = 0; i < norm.x.size(); ++i) mean[norm.channel(i)] += double(norm.x[i]) / kSamples;
  for (size_t i = 0; i < norm.x.size(); ++i) {
    const double distance = double(norm.x[i]) - mean[norm.channel(i)];
    variance[norm.channel(i)] += distance * distance / kSamples;
  }
}

template <typename T>
class ContractNorm : public Contract {
 protected:
  static constexpr double kSamples = BatchNorm<T>::kN * BatchNorm<T>::kPixels;
  // Sums of 30 terms of about 1, rounded at each step, and the rounding of what is stored.
  static constexpr double kClose = 200 * TypeOf<T>::kSumRounding;
  static constexpr double kCloseElement = kClose + 4 * TypeOf<T>::kRounding;
};
using Types = testing::Types<float, double, Half, BFloat16>;
TYPED_TEST_SUITE(ContractNorm, Types);

TYPED_TEST(ContractNorm, Training) {
  BatchNorm<TypeParam> norm;
  norm.use(this->stream_);
  ASSERT_EQ(norm.train(norm.given()), CUDNN_STATUS_SUCCESS);
  std::vector<double> mean, variance;
  moments(norm, mean, variance);
  const auto y = norm.y_data.read(this->stream_);
  for (size_t i = 0; i < y.size(); ++i) {
    const size_t c = norm.channel(i);
    const double unit = (double(norm.x[i]) - mean[c]) / std::sqrt(variance[c] + norm.epsilon);
    ASSERT_NEAR(double(y[i]), unit * double(norm.scale[c]) + double(norm.bias[c]), this->kCloseElement);
  }
  const auto running_mean = norm.running_mean_data.read(this->stream_);
  const auto running_variance = norm.running_variance_data.read(this->stream_);
  const auto saved_mean = norm.saved_mean_data.read(this->stream_);
  const auto saved_inv_std = norm.saved_inv_std_data.read(this->stream_);
  for (size_t c = 0; c < mean.size(); ++c) {
    EXPECT_NEAR(double(saved_mean[c]), mean[c], this->kClose);
    EXPECT_NEAR(double(saved_inv_std[c]), 1 / std::sqrt(variance[c] + norm.epsilon), this->kClose);
    EXPECT_NEAR(double(running_mean[c]), double(norm.mean[c]) * 0.875 + mean[c] * 0.125, this->kClose);
    const double unbiased = variance[c] * this->kSamples / (this->kSamples - 1);
    EXPECT_NEAR(double(running_variance[c]), double(norm.variance[c]) * 0.875 + unbiased * 0.125,
                this->kClose);
  }
}

TYPED_TEST(ContractNorm, TrainingWithoutStatistics) {
  BatchNorm<TypeParam> norm;
  norm.use(this->stream_);
  EXPECT_EQ(norm.train({}), CUDNN_STATUS_SUCCESS);
  EXPECT_EQ(norm.running_mean_data.read(this->stream_), norm.mean);
}

TYPED_TEST(ContractNorm, Inference) {
  BatchNorm<TypeParam> norm;
  norm.use(this->stream_);
  ASSERT_EQ(norm.infer(), CUDNN_STATUS_SUCCESS);
  const auto y = norm.y_data.read(this->stream_);
  for (size_t i = 0; i < y.size(); ++i) {
    const size_t c = norm.channel(i);
    const double unit =
        (double(norm.x[i]) - double(norm.mean[c])) / std::sqrt(double(norm.variance[c]) + norm.epsilon);
    ASSERT_NEAR(double(y[i]), unit * double(norm.scale[c]) + double(norm.bias[c]), this->kCloseElement);
  }
}

TYPED_TEST(ContractNorm, BackwardWithAndWithoutSavedStatistics) {
  for (const bool saved : {true, false}) {
    BatchNorm<TypeParam> norm;
    norm.use(this->stream_);
    ASSERT_EQ(norm.train(norm.given()), CUDNN_STATUS_SUCCESS);
    ASSERT_EQ(norm.backward(saved ? norm.saved_mean_data.data() : nullptr,
                            saved ? norm.saved_inv_std_data.data() : nullptr),
              CUDNN_STATUS_SUCCESS);
    std::vector<double> mean, variance, dscale(norm.kC, 0), dbias(norm.kC, 0);
    moments(norm, mean, variance);
    const auto unit = [&](size_t i) {
      const size_t c = norm.channel(i);
      return (double(norm.x[i]) - mean[c]) / std::sqrt(variance[c] + norm.epsilon);
    };
    for (size_t i = 0; i < norm.dy.size(); ++i) {
      dscale[norm.channel(i)] += double(norm.dy[i]) * unit(i);
      dbias[norm.channel(i)] += double(norm.dy[i]);
    }
    const auto dx = norm.y_data.read(this->stream_);
    for (size_t i = 0; i < dx.size(); ++i) {
      const size_t c = norm.channel(i);
      const double slope = double(norm.scale[c]) / std::sqrt(variance[c] + norm.epsilon);
      const double centred =
          double(norm.dy[i]) - dbias[c] / this->kSamples - unit(i) * dscale[c] / this->kSamples;
      ASSERT_NEAR(double(dx[i]), slope * centred, this->kCloseElement);
    }
    const auto found_dscale = norm.dscale_data.read(this->stream_);
    const auto found_dbias = norm.dbias_data.read(this->stream_);
    for (size_t c = 0; c < dscale.size(); ++c) {
      EXPECT_NEAR(double(found_dscale[c]), dscale[c], 10 * this->kClose);
      EXPECT_NEAR(double(found_dbias[c]), dbias[c], 10 * this->kClose);
    }
  }
}

using ContractDnnNorm = Contract;

TEST_F(ContractDnnNorm, PointersComeInPairs) {
  BatchNorm<float> norm;
  norm.use(stream_);
  const auto all = norm.given();
  constexpr int kBad = CUDNN_STATUS_BAD_PARAM;
  EXPECT_EQ(category(norm.train({all.running_mean, nullptr, all.saved_mean, all.saved_inv_std})), kBad);
  expect_reports();
  EXPECT_EQ(category(norm.train({all.running_mean, all.running_variance, nullptr, all.saved_inv_std})), kBad);
  expect_reports();
  EXPECT_EQ(category(norm.backward(all.saved_mean, nullptr)), kBad);
  expect_reports();
}

TEST_F(ContractDnnNorm, EpsilonAndShapes) {
  BatchNorm<float> norm;
  norm.use(stream_);
  norm.epsilon = -1e-5;
  EXPECT_EQ(category(norm.train(norm.given())), int(CUDNN_STATUS_BAD_PARAM));
  expect_reports();
  norm.epsilon = 1e-5;
  ASSERT_EQ(cudnnSetTensor4dDescriptor(norm.channels, CUDNN_TENSOR_NCHW, CUDNN_DATA_FLOAT, 1, 3, 1, 1),
            CUDNN_STATUS_SUCCESS);
  EXPECT_EQ(category(norm.train(norm.given())), int(CUDNN_STATUS_BAD_PARAM));
  EXPECT_EQ(category(norm.infer()), int(CUDNN_STATUS_BAD_PARAM));
  expect_reports();
}

// cuDNN's versions differ; the engine asks for fewer at a time.
TEST_F(ContractDnnNorm, ManySamplesInInferenceAreRefusedOrRight) {
  BatchNorm<float> norm;
  norm.use(stream_);
  constexpr int kSamples = 65536;
  const std::vector<float> x(size_t(kSamples * norm.kC * norm.kPixels));
  const DeviceArray<float> from(x), to(x.size());
  norm.describe(norm.x_tensor, kSamples);
  if (norm.infer(from.data(), to.data()) != CUDNN_STATUS_SUCCESS) return expect_reports();
  const std::vector<float> y = to.read(stream_);
  for (size_t i = 0; i < y.size(); ++i) {
    const size_t c = norm.channel(i);
    const double unit = -double(norm.mean[c]) / std::sqrt(double(norm.variance[c]) + norm.epsilon);
    ASSERT_NEAR(double(y[i]), unit * double(norm.scale[c]) + double(norm.bias[c]), 1e-5) << "element " << i;
  }
}

}  // namespace
}  // namespace dlengine::contract

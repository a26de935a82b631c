// Batch norm by cuDNN, called as the engine calls it, with every argument within reach of a test.
#pragma once

#include "tests/emulator/contract/contract_convolution.h"

namespace dlengine::contract {

template <typename T>
class BatchNorm {
 public:
  using Sum = typename TypeOf<T>::Sum;
  static constexpr int kN = 3, kC = 4, kPixels = 10;
  static constexpr size_t kCount = size_t(kN * kC * kPixels);

  BatchNorm() {
    describe(x_tensor, kN);
    EXPECT_EQ(cudnnSetTensor4dDescriptor(channels, CUDNN_TENSOR_NCHW,
                                         sizeof(T) == 8 ? CUDNN_DATA_DOUBLE : CUDNN_DATA_FLOAT, 1, kC, 1, 1),
              CUDNN_STATUS_SUCCESS);
  }
  void describe(cudnnTensorDescriptor_t tensor, int samples) {
    EXPECT_EQ(cudnnSetTensor4dDescriptor(tensor, CUDNN_TENSOR_NCHW, TypeOf<T>::kDnn, samples, kC, kPixels, 1),
              CUDNN_STATUS_SUCCESS);
  }
  void use(cudaStream_t stream) { ASSERT_EQ(cudnnSetStream(handle, stream), CUDNN_STATUS_SUCCESS); }

  /// What a test may put in the place of an argument.
  struct Given {
    void *running_mean, *running_variance, *saved_mean, *saved_inv_std;
  };
  Given given() const {
    return {running_mean_data.data(), running_variance_data.data(), saved_mean_data.data(),
            saved_inv_std_data.data()};
  }

  cudnnStatus_t train(const Given& to) {
    return cudnnBatchNormalizationForwardTraining(
        handle, CUDNN_BATCHNORM_SPATIAL, &one, &zero, x_tensor, x_data.data(), x_tensor, y_data.data(),
        channels, scale_data.data(), bias_data.data(), momentum, to.running_mean, to.running_variance,
        epsilon, to.saved_mean, to.saved_inv_std);
  }
  cudnnStatus_t infer() { return infer(x_data.data(), y_data.data()); }
  cudnnStatus_t infer(const T* from, T* to) {
    return cudnnBatchNormalizationForwardInference(
        handle, CUDNN_BATCHNORM_SPATIAL, &one, &zero, x_tensor, from, x_tensor, to, channels,
        scale_data.data(), bias_data.data(), running_mean_data.data(), running_variance_data.data(), epsilon);
  }
  cudnnStatus_t backward(const void* saved_mean, const void* saved_inv_std) {
    return cudnnBatchNormalizationBackward(handle, CUDNN_BATCHNORM_SPATIAL, &one, &zero, &one, &zero,
                                           x_tensor, x_data.data(), x_tensor, dy_data.data(), x_tensor,
                                           y_data.data(), channels, scale_data.data(), dscale_data.data(),
                                           dbias_data.data(), epsilon, saved_mean, saved_inv_std);
  }

  static size_t channel(size_t i) { return i / kPixels % kC; }

  std::vector<T> x = numbers<T>(kCount, 1), dy = numbers<T>(kCount, 2);
  std::vector<Sum> scale = numbers<Sum>(kC, 3), bias = numbers<Sum>(kC, 4), mean = numbers<Sum>(kC, 5),
                   variance{Sum(0.5), Sum(1.25), Sum(1.5), Sum(2)};
  Sum one = 1, zero = 0;
  double momentum = 0.125, epsilon = 1e-3;
  DnnHandle handle;
  DnnTensor x_tensor, channels;
  DeviceArray<T> x_data{x}, dy_data{dy}, y_data{kCount};
  DeviceArray<Sum> scale_data{scale}, bias_data{bias}, running_mean_data{mean},
      running_variance_data{variance}, saved_mean_data{size_t(kC)}, saved_inv_std_data{size_t(kC)},
      dscale_data{size_t(kC)}, dbias_data{size_t(kC)};
};

}  // namespace dlengine::contract

// Convolutions by cuDNN, called as the engine calls them, with every argument within reach of a test.
#pragma once

#include <cudnn.h>

#include <memory>
#include <type_traits>

#include "tests/emulator/contract/contract.h"

namespace dlengine::contract {

/// Owns what a cuDNN function created: DnnObject<cudnnHandle_t, cudnnCreate, cudnnDestroy>.
template <typename Handle, auto kCreate, auto kDestroy>
class DnnObject {
 public:
  DnnObject() { EXPECT_EQ(kCreate(&handle_), CUDNN_STATUS_SUCCESS); }
  ~DnnObject() {
    if (handle_) destroy();
  }
  DnnObject(const DnnObject&) = delete;
  DnnObject& operator=(const DnnObject&) = delete;
  operator Handle() const { return handle_; }
  void destroy() {
    EXPECT_EQ(kDestroy(handle_), CUDNN_STATUS_SUCCESS);
    handle_ = nullptr;
  }

 private:
  Handle handle_ = nullptr;
};
using DnnHandle = DnnObject<cudnnHandle_t, cudnnCreate, cudnnDestroy>;
using DnnTensor =
    DnnObject<cudnnTensorDescriptor_t, cudnnCreateTensorDescriptor, cudnnDestroyTensorDescriptor>;
using DnnFilter =
    DnnObject<cudnnFilterDescriptor_t, cudnnCreateFilterDescriptor, cudnnDestroyFilterDescriptor>;
using DnnConvolution = DnnObject<cudnnConvolutionDescriptor_t, cudnnCreateConvolutionDescriptor,
                                 cudnnDestroyConvolutionDescriptor>;
using DnnActivation =
    DnnObject<cudnnActivationDescriptor_t, cudnnCreateActivationDescriptor, cudnnDestroyActivationDescriptor>;

/// The category of a status, of which versions know more and more special cases.
inline int category(cudnnStatus_t status) { return int(status) / 1000 * 1000; }

struct ConvolutionShape {
  int n = 2, c = 4, h = 9, w = 8;  // x
  int k = 6, r = 3, s = 3;         // filters and their size
  int pad_h = 0, pad_w = 0, stride_h = 1, stride_w = 1, dilation_h = 1, dilation_w = 1, groups = 1;

  int out_h() const { return (h + 2 * pad_h - ((r - 1) * dilation_h + 1)) / stride_h + 1; }
  int out_w() const { return (w + 2 * pad_w - ((s - 1) * dilation_w + 1)) / stride_w + 1; }
  size_t x_count() const { return size_t(n) * size_t(c * h * w); }
  size_t w_count() const { return size_t(k) * size_t(c / groups * r * s); }
  size_t y_count() const { return size_t(n) * size_t(k * out_h() * out_w()); }
};

/// Calls f(element of x, of w, of y) for every product of the convolution.
template <typename F>
void for_each_product(const ConvolutionShape& p, F&& f) {
  const int of_group = p.c / p.groups;
  for (int n = 0; n < p.n; ++n) {
    for (int k = 0; k < p.k; ++k) {
      for (int pixel = 0; pixel < p.out_h() * p.out_w(); ++pixel) {
        const size_t y = size_t((n * p.k + k) * p.out_h() * p.out_w() + pixel);
        for (int tap = 0; tap < of_group * p.r * p.s; ++tap) {
          const int c = k / (p.k / p.groups) * of_group + tap / (p.r * p.s);
          const int i = pixel / p.out_w() * p.stride_h - p.pad_h + tap / p.s % p.r * p.dilation_h;
          const int j = pixel % p.out_w() * p.stride_w - p.pad_w + tap % p.s * p.dilation_w;
          if (i < 0 || i >= p.h || j < 0 || j >= p.w) continue;
          f(size_t(((n * p.c + c) * p.h + i) * p.w + j), size_t(k * of_group * p.r * p.s + tap), y);
        }
      }
    }
  }
}

/// Made-up x, w and y, of which every test overwrites one, with descriptors that a test may spoil.
template <typename T>
class Convolution {
 public:
  using Sum = typename TypeOf<T>::Sum;

  explicit Convolution(const ConvolutionShape& given)
      : shape(given),
        x(numbers<T>(shape.x_count(), 1)),
        w(numbers<T>(shape.w_count(), 2)),
        y(numbers<T>(shape.y_count(), 3)),
        bias(numbers<T>(size_t(shape.k), 4)),
        x_data(x),
        w_data(w),
        y_data(y),
        bias_data(bias) {
    describe();
  }

  void use(cudaStream_t stream) {
    ASSERT_EQ(cudnnSetStream(handle, stream), CUDNN_STATUS_SUCCESS);
    ASSERT_EQ(forward_workspace(), CUDNN_STATUS_SUCCESS);
  }
  /// Asks for the size, and takes that much.
  cudnnStatus_t forward_workspace() {
    return take(cudnnGetConvolutionForwardWorkspaceSize(handle, x_tensor, w_filter, options, y_tensor,
                                                        kForward, &bytes));
  }
  cudnnStatus_t data_workspace() {
    return take(cudnnGetConvolutionBackwardDataWorkspaceSize(handle, w_filter, y_tensor, options, x_tensor,
                                                             kData, &bytes));
  }
  cudnnStatus_t filter_workspace() {
    return take(cudnnGetConvolutionBackwardFilterWorkspaceSize(handle, x_tensor, y_tensor, options, w_filter,
                                                               kFilter, &bytes));
  }

  cudnnStatus_t forward() {
    return cudnnConvolutionForward(handle, &alpha, x_tensor, x_data.data(), w_filter, w_data.data(), options,
                                   kForward, workspace->data(), bytes, &beta, y_tensor, y_data.data());
  }
  /// With a bias and an activation, which replace beta.
  cudnnStatus_t forward_with_bias(cudnnConvolutionFwdAlgo_t algorithm = kForward) {
    const Sum zero = 0;
    return cudnnConvolutionBiasActivationForward(handle, &alpha, x_tensor, x_data.data(), w_filter,
                                                 w_data.data(), options, algorithm, workspace->data(), bytes,
                                                 &zero, y_tensor, y_data.data(), bias_tensor,
                                                 bias_data.data(), activation, y_tensor, y_data.data());
  }
  cudnnStatus_t backward_data() {
    return cudnnConvolutionBackwardData(handle, &alpha, w_filter, w_data.data(), y_tensor, y_data.data(),
                                        options, kData, workspace->data(), bytes, &beta, x_tensor,
                                        x_data.data());
  }
  cudnnStatus_t backward_filter() {
    return cudnnConvolutionBackwardFilter(handle, &alpha, x_tensor, x_data.data(), y_tensor, y_data.data(),
                                          options, kFilter, workspace->data(), bytes, &beta, w_filter,
                                          w_data.data());
  }

  std::vector<Expected> expected_y() const {
    std::vector<Expected> sums(y.size());
    for_each_product(shape,
                     [&](size_t i, size_t j, size_t to) { sums[to].add(double(x[i]) * double(w[j])); });
    return blended(sums, y);
  }
  /// Of forward_with_bias(), before the activation.
  std::vector<Expected> expected_sum() const {
    std::vector<Expected> sums = expected_y();
    const size_t pixels = size_t(shape.out_h() * shape.out_w());
    for (size_t i = 0; i < sums.size(); ++i) sums[i].add(double(bias[i / pixels % bias.size()]));
    return sums;
  }
  std::vector<Expected> expected_x() const {
    std::vector<Expected> sums(x.size());
    for_each_product(shape,
                     [&](size_t to, size_t j, size_t i) { sums[to].add(double(y[i]) * double(w[j])); });
    return blended(sums, x);
  }
  std::vector<Expected> expected_w() const {
    std::vector<Expected> sums(w.size());
    for_each_product(shape,
                     [&](size_t j, size_t to, size_t i) { sums[to].add(double(y[i]) * double(x[j])); });
    return blended(sums, w);
  }

  static constexpr auto kForward = CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM;
  static constexpr auto kData = CUDNN_CONVOLUTION_BWD_DATA_ALGO_1;
  static constexpr auto kFilter = CUDNN_CONVOLUTION_BWD_FILTER_ALGO_1;

  ConvolutionShape shape;
  std::vector<T> x, w, y, bias;
  DeviceArray<T> x_data, w_data, y_data, bias_data;
  std::unique_ptr<DeviceArray<char>> workspace = std::make_unique<DeviceArray<char>>(size_t{16});
  size_t bytes = 0;  // of the workspace, as cuDNN is told
  Sum alpha = 1, beta = 0;
  DnnHandle handle;
  DnnTensor x_tensor, y_tensor, bias_tensor;
  DnnFilter w_filter;
  DnnConvolution options;
  DnnActivation activation;  // none

 private:
  void describe() {
    const ConvolutionShape& p = shape;
    constexpr cudnnDataType_t kType = TypeOf<T>::kDnn;
    ASSERT_EQ(cudnnSetTensor4dDescriptor(x_tensor, CUDNN_TENSOR_NCHW, kType, p.n, p.c, p.h, p.w),
              CUDNN_STATUS_SUCCESS);
    ASSERT_EQ(cudnnSetTensor4dDescriptor(y_tensor, CUDNN_TENSOR_NCHW, kType, p.n, p.k, p.out_h(), p.out_w()),
              CUDNN_STATUS_SUCCESS);
    ASSERT_EQ(cudnnSetTensor4dDescriptor(bias_tensor, CUDNN_TENSOR_NCHW, kType, 1, p.k, 1, 1),
              CUDNN_STATUS_SUCCESS);
    ASSERT_EQ(cudnnSetActivationDescriptor(activation, CUDNN_ACTIVATION_IDENTITY, CUDNN_NOT_PROPAGATE_NAN, 0),
              CUDNN_STATUS_SUCCESS);
    ASSERT_EQ(cudnnSetFilter4dDescriptor(w_filter, kType, CUDNN_TENSOR_NCHW, p.k, p.c / p.groups, p.r, p.s),
              CUDNN_STATUS_SUCCESS);
    ASSERT_EQ(cudnnSetConvolution2dDescriptor(options, p.pad_h, p.pad_w, p.stride_h, p.stride_w, p.dilation_h,
                                              p.dilation_w, CUDNN_CROSS_CORRELATION,
                                              sizeof(T) == 8 ? CUDNN_DATA_DOUBLE : CUDNN_DATA_FLOAT),
              CUDNN_STATUS_SUCCESS);
    ASSERT_EQ(cudnnSetConvolutionGroupCount(options, p.groups), CUDNN_STATUS_SUCCESS);
    const cudnnMathType_t math = sizeof(T) == 2   ? CUDNN_TENSOR_OP_MATH
                                 : sizeof(T) == 4 ? CUDNN_FMA_MATH
                                                  : CUDNN_DEFAULT_MATH;
    ASSERT_EQ(cudnnSetConvolutionMathType(options, math), CUDNN_STATUS_SUCCESS);
  }

  cudnnStatus_t take(cudnnStatus_t status) {
    workspace = std::make_unique<DeviceArray<char>>(bytes + 16);
    return status;
  }

  std::vector<Expected> blended(std::vector<Expected> sums, const std::vector<T>& before) const {
    for (size_t i = 0; i < sums.size() && beta != 0; ++i) sums[i].add(double(beta) * double(before[i]));
    return sums;
  }
};

}  // namespace dlengine::contract

// cuDNN's functions for convolutions on the emulated device: which algorithms there are, and running them.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "tests/emulator/injection.h"
#include "tests/emulator/libraries/cudnn_convolution.h"

namespace dlengine::emulator {

namespace {

// One entry of cuDNN's ranking. What is refused here was listed by cuDNN as not working for the problem.
template <typename Algorithm>
struct Choice {
  Algorithm algorithm;
  cudnnStatus_t status;
  cudnnDeterminism_t determinism;
};

// The first ones must not be taken by who wants direct and repeatable sums.
constexpr std::array<Choice<cudnnConvolutionFwdAlgo_t>, 4> kForward{{
    {CUDNN_CONVOLUTION_FWD_ALGO_WINOGRAD_NONFUSED, CUDNN_STATUS_SUCCESS, CUDNN_DETERMINISTIC},
    {CUDNN_CONVOLUTION_FWD_ALGO_DIRECT, CUDNN_STATUS_NOT_SUPPORTED, CUDNN_DETERMINISTIC},
    {CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM, CUDNN_STATUS_SUCCESS, CUDNN_DETERMINISTIC},
    {CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_GEMM, CUDNN_STATUS_SUCCESS, CUDNN_DETERMINISTIC},
}};
constexpr std::array<Choice<cudnnConvolutionBwdDataAlgo_t>, 3> kBackwardData{{
    {CUDNN_CONVOLUTION_BWD_DATA_ALGO_0, CUDNN_STATUS_SUCCESS, CUDNN_NON_DETERMINISTIC},
    {CUDNN_CONVOLUTION_BWD_DATA_ALGO_FFT, CUDNN_STATUS_SUCCESS, CUDNN_DETERMINISTIC},
    {CUDNN_CONVOLUTION_BWD_DATA_ALGO_1, CUDNN_STATUS_SUCCESS, CUDNN_DETERMINISTIC},
}};
constexpr std::array<Choice<cudnnConvolutionBwdFilterAlgo_t>, 3> kBackwardFilter{{
    {CUDNN_CONVOLUTION_BWD_FILTER_ALGO_3, CUDNN_STATUS_SUCCESS, CUDNN_NON_DETERMINISTIC},
    {CUDNN_CONVOLUTION_BWD_FILTER_ALGO_FFT, CUDNN_STATUS_SUCCESS, CUDNN_DETERMINISTIC},
    {CUDNN_CONVOLUTION_BWD_FILTER_ALGO_1, CUDNN_STATUS_SUCCESS, CUDNN_DETERMINISTIC},
}};

// Those whose sums the stand-in makes.
bool is_implemented(cudnnConvolutionFwdAlgo_t algorithm) {
  return algorithm == CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_GEMM ||
         algorithm == CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM;
}
bool is_implemented(cudnnConvolutionBwdDataAlgo_t algorithm) {
  return algorithm == CUDNN_CONVOLUTION_BWD_DATA_ALGO_1;
}
bool is_implemented(cudnnConvolutionBwdFilterAlgo_t algorithm) {
  return algorithm == CUDNN_CONVOLUTION_BWD_FILTER_ALGO_1;
}

// A call of cuDNN, whose functions differ in the order of the arguments and in the type of the algorithm.
struct Call {
  Direction direction;
  cudnnHandle_t handle;
  ConvolutionDescriptors descriptors;

  cudnnStatus_t read(Convolution& convolution) const {
    convolution.direction = direction;
    return read_convolution(handle, descriptors, convolution);
  }
};

template <typename Algorithm, size_t kCount, typename Perf>
cudnnStatus_t rank(const Call& call, const std::array<Choice<Algorithm>, kCount>& choices, int requested,
                   int* returned, Perf* results) {
  Convolution convolution;
  const cudnnStatus_t status = call.read(convolution);
  if (status != CUDNN_STATUS_SUCCESS) return status;
  if (!returned || !results || requested < 1)
    return refuse(CUDNN_STATUS_BAD_PARAM, kind::kInvalidArgument, "there is no room for a result");
  *returned = std::min(requested, int(kCount));
  for (int i = 0; i < *returned; ++i) {
    const Choice<Algorithm>& choice = choices[size_t(i)];
    results[i] = {.algo = choice.algorithm,
                  .status = choice.status,
                  .time = -1,
                  .memory = convolution.workspace_bytes(),
                  .determinism = choice.determinism,
                  .mathType = convolution.options.math,
                  .reserved = {}};
  }
  return CUDNN_STATUS_SUCCESS;
}

// NOT_SUPPORTED is an answer here, and no report.
template <typename Algorithm>
cudnnStatus_t answer_workspace(const Call& call, Algorithm algorithm, size_t* bytes) {
  Convolution convolution;
  const cudnnStatus_t status = call.read(convolution);
  if (status != CUDNN_STATUS_SUCCESS) return status;
  if (!bytes) return refuse(CUDNN_STATUS_BAD_PARAM, kind::kInvalidArgument, "there is no room for the size");
  if (!is_implemented(algorithm)) return CUDNN_STATUS_NOT_SUPPORTED;
  *bytes = convolution.workspace_bytes();
  return CUDNN_STATUS_SUCCESS;
}

// What a run is given besides the descriptors.
struct Arguments {
  const void *x, *w, *y;
  Factors factors;
  Workspace workspace;
  const void* bias = nullptr;
  bool relu = false;
};

template <typename Algorithm>
cudnnStatus_t convolve(const Call& call, Algorithm algorithm, const Arguments& given) {
  ConvolutionWork work{.convolution = {},
                       .x = given.x,
                       .w = given.w,
                       .y = given.y,
                       .blend = {},
                       .workspace = {},
                       .bias = given.bias,
                       .relu = given.relu};
  const cudnnStatus_t status = call.read(work.convolution);
  if (status != CUDNN_STATUS_SUCCESS) return status;
  if (!is_implemented(algorithm))
    return refuse(CUDNN_STATUS_NOT_SUPPORTED, kind::kNotEmulated,
                  fmt::format("algorithm {}", int(algorithm)));
  return enqueue_convolution(call.handle, work, given.factors, given.workspace);
}

// What is added to a convolution's result in the same call, and what is done to the sum.
struct Epilogue {
  const void* factor;  // of z
  cudnnTensorDescriptor_t z;
  const void* z_data;
  cudnnTensorDescriptor_t bias;
  const void* bias_data;
  cudnnActivationDescriptor_t activation;
};

cudnnStatus_t check_activation(const ActivationOptions& activation, cudnnConvolutionFwdAlgo_t algorithm) {
  if (activation.nan != CUDNN_NOT_PROPAGATE_NAN)
    return refuse(CUDNN_STATUS_NOT_SUPPORTED, kind::kNotSupported, "NaN behind a convolution");
  if (activation.mode == CUDNN_ACTIVATION_IDENTITY &&
      algorithm != CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM) {
    return refuse(CUDNN_STATUS_NOT_SUPPORTED, kind::kNotSupported,
                  fmt::format("algorithm {} without an activation", int(algorithm)));
  }
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t check_bias(const Packed4d& bias, const Packed4d& y, const Epilogue& epilogue,
                         const void* y_data) {
  if (bias != Packed4d{y.type, 1, y.c, 1, 1}) {
    return refuse(CUDNN_STATUS_BAD_PARAM, kind::kWrongShape,
                  fmt::format("bias {} for y {}", bias.text(), y.text()));
  }
  const cudnnStatus_t status = check_pointer("the bias", epilogue.bias_data);
  if (status != CUDNN_STATUS_SUCCESS) return status;
  const auto* first = static_cast<const char*>(epilogue.bias_data);
  const auto* result = static_cast<const char*>(y_data);
  if (first < result + y.bytes() && result < first + bias.bytes())
    return refuse(CUDNN_STATUS_BAD_PARAM, kind::kOverlap, "the result overlaps the bias");
  return CUDNN_STATUS_SUCCESS;
}

// z must be what y is, also where its factor is 0; other factors are not emulated.
cudnnStatus_t check_addend(const Packed4d& z, const Packed4d& y, const Epilogue& epilogue) {
  if (z != y) {
    return refuse(CUDNN_STATUS_BAD_PARAM, kind::kWrongShape,
                  fmt::format("z {} for y {}", z.text(), y.text()));
  }
  cudnnStatus_t status = check_pointer("z", epilogue.z_data);
  Blend blend;
  if (status == CUDNN_STATUS_SUCCESS)
    status = read_blend(z.element(), epilogue.factor, epilogue.factor, blend);
  if (status == CUDNN_STATUS_SUCCESS && blend.alpha != 0)
    return refuse(CUDNN_STATUS_NOT_SUPPORTED, kind::kNotEmulated, "adding z");
  return status;
}

// Checks all but the convolution, and fills in what a run of it is given.
cudnnStatus_t read_epilogue(const Epilogue& epilogue, cudnnTensorDescriptor_t result,
                            cudnnConvolutionFwdAlgo_t algorithm, Arguments& given) {
  const Packed4d* z = find_set(epilogue.z, "z");
  const Packed4d* bias = find_set(epilogue.bias, "the bias");
  const ActivationOptions* activation = find_set(epilogue.activation, "the activation");
  const Packed4d* y = find_set(result, "y");
  if (!z || !bias || !activation || !y) return CUDNN_STATUS_BAD_PARAM;
  cudnnStatus_t status = check_activation(*activation, algorithm);
  if (status == CUDNN_STATUS_SUCCESS) status = check_bias(*bias, *y, epilogue, given.y);
  if (status == CUDNN_STATUS_SUCCESS) status = check_addend(*z, *y, epilogue);
  given.factors.beta = epilogue.factor;
  given.bias = epilogue.bias_data;
  given.relu = activation->mode == CUDNN_ACTIVATION_RELU;
  return status;
}

}  // namespace

extern "C" cudnnStatus_t cudnnGetConvolutionForwardAlgorithm_v7(
    cudnnHandle_t handle, cudnnTensorDescriptor_t x, cudnnFilterDescriptor_t w,
    cudnnConvolutionDescriptor_t options, cudnnTensorDescriptor_t y, int requested, int* returned,
    cudnnConvolutionFwdAlgoPerf_t* results) {
  DLENGINE_EMULATED_CALL(cudnnStatus_t);
  return rank({Direction::forward, handle, {x, w, y, options}}, kForward, requested, returned, results);
}

extern "C" cudnnStatus_t cudnnGetConvolutionForwardWorkspaceSize(
    cudnnHandle_t handle, cudnnTensorDescriptor_t x, cudnnFilterDescriptor_t w,
    cudnnConvolutionDescriptor_t options, cudnnTensorDescriptor_t y, cudnnConvolutionFwdAlgo_t algorithm,
    size_t* bytes) {
  DLENGINE_EMULATED_CALL(cudnnStatus_t);
  return answer_workspace({Direction::forward, handle, {x, w, y, options}}, algorithm, bytes);
}

extern "C" cudnnStatus_t cudnnGetConvolutionBackwardDataAlgorithm_v7(
    cudnnHandle_t handle, cudnnFilterDescriptor_t w, cudnnTensorDescriptor_t y,
    cudnnConvolutionDescriptor_t options, cudnnTensorDescriptor_t x, int requested, int* returned,
    cudnnConvolutionBwdDataAlgoPerf_t* results) {
  DLENGINE_EMULATED_CALL(cudnnStatus_t);
  return rank({Direction::backward_data, handle, {x, w, y, options}}, kBackwardData, requested, returned,
              results);
}

extern "C" cudnnStatus_t cudnnGetConvolutionBackwardDataWorkspaceSize(
    cudnnHandle_t handle, cudnnFilterDescriptor_t w, cudnnTensorDescriptor_t y,
    cudnnConvolutionDescriptor_t options, cudnnTensorDescriptor_t x, cudnnConvolutionBwdDataAlgo_t algorithm,
    size_t* bytes) {
  DLENGINE_EMULATED_CALL(cudnnStatus_t);
  return answer_workspace({Direction::backward_data, handle, {x, w, y, options}}, algorithm, bytes);
}

extern "C" cudnnStatus_t cudnnGetConvolutionBackwardFilterAlgorithm_v7(
    cudnnHandle_t handle, cudnnTensorDescriptor_t x, cudnnTensorDescriptor_t y,
    cudnnConvolutionDescriptor_t options, cudnnFilterDescriptor_t w, int requested, int* returned,
    cudnnConvolutionBwdFilterAlgoPerf_t* results) {
  DLENGINE_EMULATED_CALL(cudnnStatus_t);
  return rank({Direction::backward_filter, handle, {x, w, y, options}}, kBackwardFilter, requested, returned,
              results);
}

extern "C" cudnnStatus_t cudnnGetConvolutionBackwardFilterWorkspaceSize(
    cudnnHandle_t handle, cudnnTensorDescriptor_t x, cudnnTensorDescriptor_t y,
    cudnnConvolutionDescriptor_t options, cudnnFilterDescriptor_t w,
    cudnnConvolutionBwdFilterAlgo_t algorithm, size_t* bytes) {
  DLENGINE_EMULATED_CALL(cudnnStatus_t);
  return answer_workspace({Direction::backward_filter, handle, {x, w, y, options}}, algorithm, bytes);
}

extern "C" cudnnStatus_t cudnnConvolutionForward(cudnnHandle_t handle, const void* alpha,
                                                 cudnnTensorDescriptor_t x, const void* x_data,
                                                 cudnnFilterDescriptor_t w, const void* w_data,
                                                 cudnnConvolutionDescriptor_t options,
                                                 cudnnConvolutionFwdAlgo_t algorithm, void* workspace,
                                                 size_t bytes, const void* beta, cudnnTensorDescriptor_t y,
                                                 void* y_data) {
  DLENGINE_EMULATED_CALL(cudnnStatus_t);
  return convolve({Direction::forward, handle, {x, w, y, options}}, algorithm,
                  {x_data, w_data, y_data, {alpha, beta}, {workspace, bytes}});
}

extern "C" cudnnStatus_t cudnnConvolutionBiasActivationForward(
    cudnnHandle_t handle, const void* alpha, cudnnTensorDescriptor_t x, const void* x_data,
    cudnnFilterDescriptor_t w, const void* w_data, cudnnConvolutionDescriptor_t options,
    cudnnConvolutionFwdAlgo_t algorithm, void* workspace, size_t bytes, const void* z_factor,
    cudnnTensorDescriptor_t z, const void* z_data, cudnnTensorDescriptor_t bias, const void* bias_data,
    cudnnActivationDescriptor_t activation, cudnnTensorDescriptor_t y, void* y_data) {
  DLENGINE_EMULATED_CALL(cudnnStatus_t);
  Arguments given{x_data, w_data, y_data, {alpha, nullptr}, {workspace, bytes}};
  const cudnnStatus_t status =
      read_epilogue({z_factor, z, z_data, bias, bias_data, activation}, y, algorithm, given);
  if (status != CUDNN_STATUS_SUCCESS) return status;
  return convolve({Direction::forward, handle, {x, w, y, options}}, algorithm, given);
}

extern "C" cudnnStatus_t cudnnConvolutionBackwardData(cudnnHandle_t handle, const void* alpha,
                                                      cudnnFilterDescriptor_t w, const void* w_data,
                                                      cudnnTensorDescriptor_t y, const void* y_data,
                                                      cudnnConvolutionDescriptor_t options,
                                                      cudnnConvolutionBwdDataAlgo_t algorithm,
                                                      void* workspace, size_t bytes, const void* beta,
                                                      cudnnTensorDescriptor_t x, void* x_data) {
  DLENGINE_EMULATED_CALL(cudnnStatus_t);
  return convolve({Direction::backward_data, handle, {x, w, y, options}}, algorithm,
                  {x_data, w_data, y_data, {alpha, beta}, {workspace, bytes}});
}

extern "C" cudnnStatus_t cudnnConvolutionBackwardFilter(cudnnHandle_t handle, const void* alpha,
                                                        cudnnTensorDescriptor_t x, const void* x_data,
                                                        cudnnTensorDescriptor_t y, const void* y_data,
                                                        cudnnConvolutionDescriptor_t options,
                                                        cudnnConvolutionBwdFilterAlgo_t algorithm,
                                                        void* workspace, size_t bytes, const void* beta,
                                                        cudnnFilterDescriptor_t w, void* w_data) {
  DLENGINE_EMULATED_CALL(cudnnStatus_t);
  return convolve({Direction::backward_filter, handle, {x, w, y, options}}, algorithm,
                  {x_data, w_data, y_data, {alpha, beta}, {workspace, bytes}});
}

}  // namespace dlengine::emulator

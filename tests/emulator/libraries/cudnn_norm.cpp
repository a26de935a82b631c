// cuDNN's functions for batch norm on the emulated device.
#include "tests/emulator/libraries/cudnn_norm.h"

#include <fmt/format.h>

#include <initializer_list>
#include <string>

#include "tests/emulator/injection.h"

namespace dlengine::emulator {

namespace {

cudnnStatus_t bad(std::string_view kind, const std::string& text) {
  return refuse(CUDNN_STATUS_BAD_PARAM, kind, text);
}

// What the three functions have in common.
struct Call {
  cudnnHandle_t handle;
  cudnnBatchNormMode_t mode;
  cudnnTensorDescriptor_t x, y, channels;
  double epsilon;
};

cudnnStatus_t read_norm(const Call& call, Norm& norm) {
  const cudnnStatus_t status = check_handle(call.handle);
  if (status != CUDNN_STATUS_SUCCESS) return status;
  if (call.mode != CUDNN_BATCHNORM_SPATIAL)
    return refuse(CUDNN_STATUS_NOT_SUPPORTED, kind::kNotEmulated, fmt::format("mode {}", int(call.mode)));
  const Packed4d* x = find_set(call.x, "x");
  const Packed4d* y = find_set(call.y, "y");
  const Packed4d* channels = find_set(call.channels, "the values per channel");
  if (!x || !y || !channels) return CUDNN_STATUS_BAD_PARAM;
  norm.x = *x;
  norm.epsilon = call.epsilon;
  if (*y != *x) return bad(kind::kWrongShape, fmt::format("x {} and y {} differ", x->text(), y->text()));
  const cudnnDataType_t type = norm.parameters() == Element::f64 ? CUDNN_DATA_DOUBLE : CUDNN_DATA_FLOAT;
  if (*channels != Packed4d{type, 1, x->c, 1, 1}) {
    return bad(kind::kWrongShape, fmt::format("values per channel {} of type {} for x {}", channels->text(),
                                              int(channels->type), x->text()));
  }
  if (!(call.epsilon >= CUDNN_BN_MIN_EPSILON))
    return bad(kind::kInvalidArgument,
               fmt::format("epsilon {} is less than {}", call.epsilon, CUDNN_BN_MIN_EPSILON));
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t check_blend(const Norm& norm, const void* alpha, const void* beta) {
  Blend blend;
  const cudnnStatus_t status = read_blend(norm.x.element(), alpha, beta, blend);
  if (status != CUDNN_STATUS_SUCCESS) return status;
  if (blend.alpha != 1 || blend.beta != 0)
    return refuse(CUDNN_STATUS_NOT_SUPPORTED, kind::kNotEmulated, "factors other than 1 and 0");
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t check_arrays(std::initializer_list<NormArray> arrays) {
  for (const NormArray& array : arrays) {
    const cudnnStatus_t status = check_pointer(array.name, array.data);
    if (status != CUDNN_STATUS_SUCCESS) return status;
  }
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t check_pair(const NormArray& a, const NormArray& b) {
  if (!a.data && !b.data) return CUDNN_STATUS_SUCCESS;
  if (!a.data || !b.data)
    return bad(kind::kUnpaired, fmt::format("only one of {} and {} is given", a.name, b.name));
  return check_arrays({a, b});
}

}  // namespace

extern "C" cudnnStatus_t cudnnBatchNormalizationForwardTraining(
    cudnnHandle_t handle, cudnnBatchNormMode_t mode, const void* alpha, const void* beta,
    cudnnTensorDescriptor_t x_descriptor, const void* x, cudnnTensorDescriptor_t y_descriptor, void* y,
    cudnnTensorDescriptor_t channels, const void* scale, const void* bias, double momentum,
    void* running_mean, void* running_variance, double epsilon, void* saved_mean, void* saved_inv_std) {
  DLENGINE_EMULATED_CALL(cudnnStatus_t);
  NormTraining t{.norm = {},
                 .x = {"x", x},
                 .y = {"y", y},
                 .scale = {"the scale", scale, true},
                 .bias = {"the bias", bias, true},
                 .running_mean = {"the running mean", running_mean, true},
                 .running_variance = {"the running variance", running_variance, true},
                 .saved_mean = {"the saved mean", saved_mean, true},
                 .saved_inv_std = {"the saved deviation", saved_inv_std, true}};
  cudnnStatus_t status = read_norm({handle, mode, x_descriptor, y_descriptor, channels, epsilon}, t.norm);
  if (status == CUDNN_STATUS_SUCCESS) status = check_blend(t.norm, alpha, beta);
  if (status == CUDNN_STATUS_SUCCESS) status = check_arrays({t.x, t.y, t.scale, t.bias});
  if (status == CUDNN_STATUS_SUCCESS) status = check_pair(t.running_mean, t.running_variance);
  if (status == CUDNN_STATUS_SUCCESS) status = check_pair(t.saved_mean, t.saved_inv_std);
  if (status != CUDNN_STATUS_SUCCESS) return status;
  if (!(momentum >= 0 && momentum <= 1))
    return bad(kind::kInvalidArgument,
               fmt::format("the running averages' factor {} is not in 0 .. 1", momentum));
  t.norm.momentum = momentum;
  return enqueue_on(handle, [t] { run(t); });
}

extern "C" cudnnStatus_t cudnnBatchNormalizationForwardInference(
    cudnnHandle_t handle, cudnnBatchNormMode_t mode, const void* alpha, const void* beta,
    cudnnTensorDescriptor_t x_descriptor, const void* x, cudnnTensorDescriptor_t y_descriptor, void* y,
    cudnnTensorDescriptor_t channels, const void* scale, const void* bias, const void* mean,
    const void* variance, double epsilon) {
  DLENGINE_EMULATED_CALL(cudnnStatus_t);
  NormInference t{.norm = {},
                  .x = {"x", x},
                  .y = {"y", y},
                  .scale = {"the scale", scale, true},
                  .bias = {"the bias", bias, true},
                  .mean = {"the mean", mean, true},
                  .variance = {"the variance", variance, true}};
  cudnnStatus_t status = read_norm({handle, mode, x_descriptor, y_descriptor, channels, epsilon}, t.norm);
  if (status == CUDNN_STATUS_SUCCESS) status = check_blend(t.norm, alpha, beta);
  if (status == CUDNN_STATUS_SUCCESS) status = check_arrays({t.x, t.y, t.scale, t.bias, t.mean, t.variance});
  if (status != CUDNN_STATUS_SUCCESS) return status;
  constexpr int64_t kMostSamples = 65535;
  if (t.norm.x.n > kMostSamples)
    return refuse(CUDNN_STATUS_NOT_SUPPORTED, kind::kNotSupported, fmt::format("{} samples", t.norm.x.n));
  return enqueue_on(handle, [t] { run(t); });
}

extern "C" cudnnStatus_t cudnnBatchNormalizationBackward(
    cudnnHandle_t handle, cudnnBatchNormMode_t mode, const void* alpha_data, const void* beta_data,
    const void* alpha_parameters, const void* beta_parameters, cudnnTensorDescriptor_t x_descriptor,
    const void* x, cudnnTensorDescriptor_t dy_descriptor, const void* dy,
    cudnnTensorDescriptor_t dx_descriptor, void* dx, cudnnTensorDescriptor_t channels, const void* scale,
    void* dscale, void* dbias, double epsilon, const void* saved_mean, const void* saved_inv_std) {
  DLENGINE_EMULATED_CALL(cudnnStatus_t);
  NormBackward t{.norm = {},
                 .x = {"x", x},
                 .dy = {"dy", dy},
                 .dx = {"dx", dx},
                 .scale = {"the scale", scale, true},
                 .dscale = {"the scale's gradient", dscale, true},
                 .dbias = {"the bias's gradient", dbias, true},
                 .saved_mean = {"the saved mean", saved_mean, true},
                 .saved_inv_std = {"the saved deviation", saved_inv_std, true}};
  cudnnStatus_t status = read_norm({handle, mode, x_descriptor, dy_descriptor, channels, epsilon}, t.norm);
  if (status == CUDNN_STATUS_SUCCESS)
    status = read_norm({handle, mode, x_descriptor, dx_descriptor, channels, epsilon}, t.norm);
  if (status == CUDNN_STATUS_SUCCESS) status = check_blend(t.norm, alpha_data, beta_data);
  if (status == CUDNN_STATUS_SUCCESS) status = check_blend(t.norm, alpha_parameters, beta_parameters);
  if (status == CUDNN_STATUS_SUCCESS) status = check_arrays({t.x, t.dy, t.dx, t.scale, t.dscale, t.dbias});
  if (status == CUDNN_STATUS_SUCCESS) status = check_pair(t.saved_mean, t.saved_inv_std);
  return status == CUDNN_STATUS_SUCCESS ? enqueue_on(handle, [t] { run(t); }) : status;
}

}  // namespace dlengine::emulator

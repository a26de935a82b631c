// cuDNN for the emulated device: handles, descriptors and what is said of errors.
#include "tests/emulator/libraries/cudnn_descriptors.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "tests/emulator/injection.h"
#include "tests/emulator/lock.h"
#include "tests/emulator/memory/memory.h"
#include "tests/emulator/report.h"
#include "tests/emulator/runtime/handles.h"
#include "tests/emulator/runtime/timeline.h"

namespace dlengine::emulator {

namespace {

struct Context {
  cudaStream_t stream = nullptr;  // the legacy default stream
};

auto& contexts() {
  static auto& all = *new Handles<cudnnHandle_t, Context>("cuDNN handle");
  return all;
}
auto& tensors() {
  static auto& all = *new Handles<cudnnTensorDescriptor_t, Packed4d>("tensor descriptor");
  return all;
}
auto& filters() {
  static auto& all = *new Handles<cudnnFilterDescriptor_t, Packed4d>("filter descriptor");
  return all;
}
auto& convolutions() {
  static auto& all = *new Handles<cudnnConvolutionDescriptor_t, ConvolutionOptions>("convolution descriptor");
  return all;
}

auto& activations() {
  static auto& all = *new Handles<cudnnActivationDescriptor_t, ActivationOptions>("activation descriptor");
  return all;
}

std::string& last_error() {
  static auto& text = *new std::string;
  return text;
}

bool is_set(const Packed4d& tensor) { return tensor.n > 0; }
bool is_set(const ConvolutionOptions& options) { return options.set; }
bool is_set(const ActivationOptions& options) { return options.set; }

template <typename All, typename Handle>
auto find_set_in(All& all, Handle descriptor, const char* name) {
  auto* object = all.find(descriptor);
  if (object && !is_set(*object)) {
    refuse(CUDNN_STATUS_BAD_PARAM, kind::kUnsetDescriptor,
           fmt::format("the descriptor of {} was never set", name));
    object = nullptr;
  }
  return object;
}

template <typename All, typename Handle>
cudnnStatus_t create_in(All& all, Handle* handle) {
  if (!handle)
    return refuse(CUDNN_STATUS_BAD_PARAM, kind::kInvalidArgument, "there is no place for the handle");
  *handle = all.create({});
  return CUDNN_STATUS_SUCCESS;
}

template <typename All, typename Handle>
cudnnStatus_t destroy_in(All& all, Handle handle) {
  return all.destroy(handle) ? CUDNN_STATUS_SUCCESS : CUDNN_STATUS_BAD_PARAM;
}

cudnnStatus_t set_4d(Packed4d* object, cudnnTensorFormat_t format, const Packed4d& value) {
  if (!object) return CUDNN_STATUS_BAD_PARAM;
  if (format != CUDNN_TENSOR_NCHW)
    return refuse(CUDNN_STATUS_NOT_SUPPORTED, kind::kNotEmulated, fmt::format("format {}", int(format)));
  if (value.type != CUDNN_DATA_HALF && value.type != CUDNN_DATA_BFLOAT16 && value.type != CUDNN_DATA_FLOAT &&
      value.type != CUDNN_DATA_DOUBLE)
    return refuse(CUDNN_STATUS_NOT_SUPPORTED, kind::kNotEmulated,
                  fmt::format("data type {}", int(value.type)));
  if (std::min({value.n, value.c, value.h, value.w}) < 1)
    return refuse(CUDNN_STATUS_BAD_PARAM, kind::kWrongShape, fmt::format("{} is empty", value.text()));
  constexpr double kMostElements = 2147483648.0;
  if (double(value.n) * double(value.c) * double(value.h) * double(value.w) >= kMostElements)
    return refuse(CUDNN_STATUS_NOT_SUPPORTED, kind::kWrongShape,
                  fmt::format("{} is too large", value.text()));
  *object = value;
  return CUDNN_STATUS_SUCCESS;
}

}  // namespace

cudnnStatus_t refuse(cudnnStatus_t status, std::string_view kind, const std::string& text) {
  last_error() = text;
  report(kind, fmt::format("{}: {}", current_api(), text));
  return status;
}

Element Packed4d::element() const {
  if (type == CUDNN_DATA_DOUBLE) return Element::f64;
  if (type == CUDNN_DATA_FLOAT) return Element::f32;
  return type == CUDNN_DATA_HALF ? Element::f16 : Element::bf16;
}

std::string Packed4d::text() const { return fmt::format("[{}, {}, {}, {}]", n, c, h, w); }

const Packed4d* find_set(cudnnTensorDescriptor_t descriptor, const char* name) {
  return find_set_in(tensors(), descriptor, name);
}
const Packed4d* find_set(cudnnFilterDescriptor_t descriptor, const char* name) {
  return find_set_in(filters(), descriptor, name);
}
const ConvolutionOptions* find_set(cudnnConvolutionDescriptor_t descriptor, const char* name) {
  return find_set_in(convolutions(), descriptor, name);
}
const ActivationOptions* find_set(cudnnActivationDescriptor_t descriptor, const char* name) {
  return find_set_in(activations(), descriptor, name);
}

cudnnStatus_t check_handle(cudnnHandle_t handle) {
  return contexts().find(handle) ? CUDNN_STATUS_SUCCESS : CUDNN_STATUS_NOT_INITIALIZED;
}

cudnnStatus_t read_blend(Element element, const void* alpha, const void* beta, Blend& blend) {
  double values[2];
  for (int i = 0; i < 2; ++i) {
    const void* value = i == 0 ? alpha : beta;
    if (!value) return refuse(CUDNN_STATUS_BAD_PARAM, kind::kInvalidArgument, "alpha or beta is null");
    if (is_device_address(value))
      return refuse(CUDNN_STATUS_BAD_PARAM, kind::kInvalidArgument, "alpha or beta is in device memory");
    values[i] = element == Element::f64 ? *static_cast<const double*>(value)
                                        : double(*static_cast<const float*>(value));
  }
  blend = {values[0], values[1]};
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t check_pointer(const char* name, const void* data) {
  if (!data) return refuse(CUDNN_STATUS_BAD_PARAM, kind::kInvalidArgument, fmt::format("{} is null", name));
  if (reinterpret_cast<uintptr_t>(data) % 16 != 0)  // no algorithm promises to take less
    return refuse(CUDNN_STATUS_BAD_PARAM, kind::kMisalignedOperand,
                  fmt::format("{} is not aligned to 16 bytes", name));
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t enqueue_on(cudnnHandle_t handle, std::function<void()> work) {
  const cudaError_t error =
      enqueue(contexts().find(handle)->stream, current_api(), std::move(work), OperationKind::library_call);
  return error == cudaSuccess ? CUDNN_STATUS_SUCCESS : CUDNN_STATUS_EXECUTION_FAILED;
}

extern "C" size_t cudnnGetVersion() { return CUDNN_VERSION; }

extern "C" const char* cudnnGetErrorString(cudnnStatus_t status) {
  switch (status) {
    case CUDNN_STATUS_SUCCESS: return "success";
    case CUDNN_STATUS_NOT_INITIALIZED: return "the handle is not initialised";
    case CUDNN_STATUS_BAD_PARAM: return "an argument is invalid";
    case CUDNN_STATUS_NOT_SUPPORTED: return "this is not supported";
    case CUDNN_STATUS_EXECUTION_FAILED: return "the work could not be started";
    default: return "an unknown status";
  }
}

extern "C" void cudnnGetLastErrorString(char* message, size_t size) {
  const std::lock_guard lock(emulator_mutex());
  if (message && size > 0) std::snprintf(message, size, "%s", last_error().c_str());
}

extern "C" cudnnStatus_t cudnnCreate(cudnnHandle_t* handle) {
  DLENGINE_EMULATED_CALL(cudnnStatus_t);
  return create_in(contexts(), handle);
}

extern "C" cudnnStatus_t cudnnDestroy(cudnnHandle_t handle) {
  DLENGINE_EMULATED_CALL(cudnnStatus_t);
  return contexts().destroy(handle) ? CUDNN_STATUS_SUCCESS : CUDNN_STATUS_NOT_INITIALIZED;
}

extern "C" cudnnStatus_t cudnnSetStream(cudnnHandle_t handle, cudaStream_t stream) {
  DLENGINE_EMULATED_CALL(cudnnStatus_t);
  Context* context = contexts().find(handle);
  if (!context) return CUDNN_STATUS_NOT_INITIALIZED;
  context->stream = stream;
  return CUDNN_STATUS_SUCCESS;
}

extern "C" cudnnStatus_t cudnnCreateTensorDescriptor(cudnnTensorDescriptor_t* descriptor) {
  DLENGINE_EMULATED_CALL(cudnnStatus_t);
  return create_in(tensors(), descriptor);
}

extern "C" cudnnStatus_t cudnnSetTensor4dDescriptor(cudnnTensorDescriptor_t descriptor,
                                                    cudnnTensorFormat_t format, cudnnDataType_t type, int n,
                                                    int c, int h, int w) {
  DLENGINE_EMULATED_CALL(cudnnStatus_t);
  return set_4d(tensors().find(descriptor), format, {type, n, c, h, w});
}

extern "C" cudnnStatus_t cudnnDestroyTensorDescriptor(cudnnTensorDescriptor_t descriptor) {
  DLENGINE_EMULATED_CALL(cudnnStatus_t);
  return destroy_in(tensors(), descriptor);
}

extern "C" cudnnStatus_t cudnnCreateFilterDescriptor(cudnnFilterDescriptor_t* descriptor) {
  DLENGINE_EMULATED_CALL(cudnnStatus_t);
  return create_in(filters(), descriptor);
}

extern "C" cudnnStatus_t cudnnSetFilter4dDescriptor(cudnnFilterDescriptor_t descriptor, cudnnDataType_t type,
                                                    cudnnTensorFormat_t format, int k, int c, int h, int w) {
  DLENGINE_EMULATED_CALL(cudnnStatus_t);
  return set_4d(filters().find(descriptor), format, {type, k, c, h, w});
}

extern "C" cudnnStatus_t cudnnDestroyFilterDescriptor(cudnnFilterDescriptor_t descriptor) {
  DLENGINE_EMULATED_CALL(cudnnStatus_t);
  return destroy_in(filters(), descriptor);
}

extern "C" cudnnStatus_t cudnnCreateConvolutionDescriptor(cudnnConvolutionDescriptor_t* descriptor) {
  DLENGINE_EMULATED_CALL(cudnnStatus_t);
  return create_in(convolutions(), descriptor);
}

extern "C" cudnnStatus_t cudnnSetConvolution2dDescriptor(cudnnConvolutionDescriptor_t descriptor, int pad_h,
                                                         int pad_w, int stride_h, int stride_w,
                                                         int dilation_h, int dilation_w,
                                                         cudnnConvolutionMode_t mode,
                                                         cudnnDataType_t compute) {
  DLENGINE_EMULATED_CALL(cudnnStatus_t);
  ConvolutionOptions* options = convolutions().find(descriptor);
  if (!options) return CUDNN_STATUS_BAD_PARAM;
  if (mode != CUDNN_CROSS_CORRELATION)
    return refuse(CUDNN_STATUS_NOT_SUPPORTED, kind::kNotEmulated, "a convolution that flips its filter");
  if (std::min(pad_h, pad_w) < 0 || std::min({stride_h, stride_w, dilation_h, dilation_w}) < 1)
    return refuse(CUDNN_STATUS_BAD_PARAM, kind::kInvalidArgument,
                  "a negative padding, or a stride or dilation below 1");
  *options = {.set = true,
              .pad_h = pad_h,
              .pad_w = pad_w,
              .stride_h = stride_h,
              .stride_w = stride_w,
              .dilation_h = dilation_h,
              .dilation_w = dilation_w,
              .compute = compute};
  return CUDNN_STATUS_SUCCESS;
}

extern "C" cudnnStatus_t cudnnSetConvolutionGroupCount(cudnnConvolutionDescriptor_t descriptor, int groups) {
  DLENGINE_EMULATED_CALL(cudnnStatus_t);
  ConvolutionOptions* options = convolutions().find(descriptor);
  if (!options) return CUDNN_STATUS_BAD_PARAM;
  if (groups < 1)
    return refuse(CUDNN_STATUS_BAD_PARAM, kind::kInvalidArgument, "the number of groups is below 1");
  options->groups = groups;
  return CUDNN_STATUS_SUCCESS;
}

extern "C" cudnnStatus_t cudnnSetConvolutionMathType(cudnnConvolutionDescriptor_t descriptor,
                                                     cudnnMathType_t math) {
  DLENGINE_EMULATED_CALL(cudnnStatus_t);
  ConvolutionOptions* options = convolutions().find(descriptor);
  if (!options) return CUDNN_STATUS_BAD_PARAM;
  if (math == CUDNN_TENSOR_OP_MATH_ALLOW_CONVERSION)
    return refuse(CUDNN_STATUS_NOT_SUPPORTED, kind::kNotEmulated, "math that converts f32 to f16");
  options->math = math;
  return CUDNN_STATUS_SUCCESS;
}

extern "C" cudnnStatus_t cudnnDestroyConvolutionDescriptor(cudnnConvolutionDescriptor_t descriptor) {
  DLENGINE_EMULATED_CALL(cudnnStatus_t);
  return destroy_in(convolutions(), descriptor);
}

extern "C" cudnnStatus_t cudnnCreateActivationDescriptor(cudnnActivationDescriptor_t* descriptor) {
  DLENGINE_EMULATED_CALL(cudnnStatus_t);
  return create_in(activations(), descriptor);
}

extern "C" cudnnStatus_t cudnnSetActivationDescriptor(
    cudnnActivationDescriptor_t descriptor, cudnnActivationMode_t mode, cudnnNanPropagation_t nan,
    double /*coefficient: of modes that are not emulated*/) {
  DLENGINE_EMULATED_CALL(cudnnStatus_t);
  ActivationOptions* options = activations().find(descriptor);
  if (!options) return CUDNN_STATUS_BAD_PARAM;
  if (mode != CUDNN_ACTIVATION_RELU && mode != CUDNN_ACTIVATION_IDENTITY)
    return refuse(CUDNN_STATUS_NOT_SUPPORTED, kind::kNotEmulated, fmt::format("activation {}", int(mode)));
  *options = {.set = true, .mode = mode, .nan = nan};
  return CUDNN_STATUS_SUCCESS;
}

extern "C" cudnnStatus_t cudnnDestroyActivationDescriptor(cudnnActivationDescriptor_t descriptor) {
  DLENGINE_EMULATED_CALL(cudnnStatus_t);
  return destroy_in(activations(), descriptor);
}

}  // namespace dlengine::emulator

// cuDNN's descriptions of our tensors.
#include "dlengine/kernels/cuda/cudnn_types.h"

#include <limits>

#include "dlengine/core/check.h"
#include "dlengine/kernels/cuda/queue.h"

namespace dlengine::cuda {

cudnnDataType_t cudnn_type(const char* op, DType dtype) {
  switch (dtype) {
    case DType::f16: return CUDNN_DATA_HALF;
    case DType::bf16: return CUDNN_DATA_BFLOAT16;
    case DType::f32: return CUDNN_DATA_FLOAT;
    case DType::f64: return CUDNN_DATA_DOUBLE;
    case DType::u8:
    case DType::i32:
    case DType::i64:
    case DType::boolean: break;
  }
  throw_unsupported_dtype(op, dtype, "a floating type");
}

int to_cudnn_int(int64_t value) {
  check<ValueError>(value <= std::numeric_limits<int>::max(), "cuDNN takes sizes up to {}, got {}",
                    std::numeric_limits<int>::max(), value);
  return int(value);
}

TensorDescriptor tensor_descriptor(cudnnDataType_t type, const Nchw& size) {
  cudnnTensorDescriptor_t raw = nullptr;
  DLENGINE_CUDA_CHECK(cudnnCreateTensorDescriptor(&raw));
  TensorDescriptor descriptor(raw);
  DLENGINE_CUDA_CHECK(cudnnSetTensor4dDescriptor(raw, CUDNN_TENSOR_NCHW, type, to_cudnn_int(size.n),
                                                 to_cudnn_int(size.c), to_cudnn_int(size.h),
                                                 to_cudnn_int(size.w)));
  return descriptor;
}

FilterDescriptor filter_descriptor(cudnnDataType_t type, const Nchw& size) {
  cudnnFilterDescriptor_t raw = nullptr;
  DLENGINE_CUDA_CHECK(cudnnCreateFilterDescriptor(&raw));
  FilterDescriptor descriptor(raw);
  DLENGINE_CUDA_CHECK(cudnnSetFilter4dDescriptor(raw, type, CUDNN_TENSOR_NCHW, to_cudnn_int(size.n),
                                                 to_cudnn_int(size.c), to_cudnn_int(size.h),
                                                 to_cudnn_int(size.w)));
  return descriptor;
}

ActivationDescriptor activation_descriptor(Activation activation) {
  cudnnActivationDescriptor_t raw = nullptr;
  DLENGINE_CUDA_CHECK(cudnnCreateActivationDescriptor(&raw));
  ActivationDescriptor descriptor(raw);
  const cudnnActivationMode_t mode =
      activation == Activation::relu ? CUDNN_ACTIVATION_RELU : CUDNN_ACTIVATION_IDENTITY;
  // The only choice that cuDNN takes behind a convolution.
  DLENGINE_CUDA_CHECK(cudnnSetActivationDescriptor(raw, mode, CUDNN_NOT_PROPAGATE_NAN, 0));
  return descriptor;
}

}  // namespace dlengine::cuda

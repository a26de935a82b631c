// cuDNN's descriptions of our tensors.
#pragma once

#include <cudnn.h>

#include <cstdint>

#include "dlengine/core/dtype.h"
#include "dlengine/core/op_params.h"
#include "dlengine/kernels/cuda/cuda_check.h"

namespace dlengine::cuda {

using TensorDescriptor = Owned<cudnnTensorDescriptor_t, cudnnDestroyTensorDescriptor>;
using FilterDescriptor = Owned<cudnnFilterDescriptor_t, cudnnDestroyFilterDescriptor>;
using ConvolutionDescriptor = Owned<cudnnConvolutionDescriptor_t, cudnnDestroyConvolutionDescriptor>;
using ActivationDescriptor = Owned<cudnnActivationDescriptor_t, cudnnDestroyActivationDescriptor>;

/// Throws DTypeError that names op.
cudnnDataType_t cudnn_type(const char* op, DType dtype);

/// A packed tensor [n, c, h, w]. Throws ValueError for sizes beyond 2^31.
struct Nchw {
  int64_t n, c, h, w;
};
TensorDescriptor tensor_descriptor(cudnnDataType_t type, const Nchw& size);
FilterDescriptor filter_descriptor(cudnnDataType_t type, const Nchw& size);
ActivationDescriptor activation_descriptor(Activation activation);

/// Throws ValueError for a value beyond 2^31.
int to_cudnn_int(int64_t value);

}  // namespace dlengine::cuda

// cuDNN's handles and descriptors as the stand-ins keep them.
#pragma once

#include <cudnn.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "tests/emulator/libraries/gemm_elements.h"
#include "tests/emulator/libraries/library_kinds.h"

namespace dlengine::emulator {

/// Files a report that names the API function, keeps the text for cudnnGetLastErrorString, and returns the
/// status.
cudnnStatus_t refuse(cudnnStatus_t status, std::string_view kind, const std::string& text);

/// Packed NCHW, or a filter as KCRS; n is 0 until it is set.
struct Packed4d {
  cudnnDataType_t type = CUDNN_DATA_FLOAT;
  int64_t n = 0, c = 0, h = 0, w = 0;

  int64_t count() const { return n * c * h * w; }
  Element element() const;
  size_t bytes() const { return size_t(count()) * size_of(element()); }
  std::string text() const;
  friend bool operator==(const Packed4d&, const Packed4d&) = default;
};

struct ConvolutionOptions {
  bool set = false;
  int64_t pad_h = 0, pad_w = 0, stride_h = 1, stride_w = 1, dilation_h = 1, dilation_w = 1, groups = 1;
  cudnnDataType_t compute = CUDNN_DATA_FLOAT;
  cudnnMathType_t math = CUDNN_DEFAULT_MATH;
};

struct ActivationOptions {
  bool set = false;
  cudnnActivationMode_t mode = CUDNN_ACTIVATION_IDENTITY;
  cudnnNanPropagation_t nan = CUDNN_NOT_PROPAGATE_NAN;
};

/// Null, and a report, unless it is live and was set. `name` is the argument's.
const Packed4d* find_set(cudnnTensorDescriptor_t descriptor, const char* name);
const Packed4d* find_set(cudnnFilterDescriptor_t descriptor, const char* name);
const ConvolutionOptions* find_set(cudnnConvolutionDescriptor_t descriptor, const char* name);
const ActivationOptions* find_set(cudnnActivationDescriptor_t descriptor, const char* name);

/// Reports and answers NOT_INITIALIZED unless the handle is live.
cudnnStatus_t check_handle(cudnnHandle_t handle);

/// alpha and beta, which lie on the host, as double where the elements are f64, else as float.
cudnnStatus_t read_blend(Element element, const void* alpha, const void* beta, Blend& blend);

/// Refuses null and an address that is no multiple of 16, of which no algorithm promises to take it.
cudnnStatus_t check_pointer(const char* name, const void* data);

/// Appends the work to the handle's stream.
cudnnStatus_t enqueue_on(cudnnHandle_t handle, std::function<void()> work);

}  // namespace dlengine::emulator

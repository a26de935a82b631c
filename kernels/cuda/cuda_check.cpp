// Errors of CUDA and its libraries, in words.
#include "dlengine/kernels/cuda/cuda_check.h"

#include "dlengine/core/check.h"
#include "dlengine/kernels/cuda/queue.h"

namespace dlengine::cuda {

void throw_failed(cudaError_t error, const char* call) {
  (void)cudaGetLastError();  // else the next, innocent launch would report it again
  fail<DeviceError>("CUDA: {} failed: {} ({}, {})", call, cudaGetErrorString(error), cudaGetErrorName(error),
                    static_cast<int>(error));
}

void throw_failed(cublasStatus_t status, const char* call) {
  fail<DeviceError>("cuBLAS: {} failed: {} ({})", call, cublasLtGetStatusString(status),
                    static_cast<int>(status));
}

void throw_failed(cudnnStatus_t status, const char* call) {
  char detail[512] = {};
  cudnnGetLastErrorString(detail, sizeof(detail));
  fail<DeviceError>("cuDNN: {} failed: {} ({}) {}", call, cudnnGetErrorString(status),
                    static_cast<int>(status), detail);
}

}  // namespace dlengine::cuda

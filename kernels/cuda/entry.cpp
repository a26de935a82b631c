// The plugin's door: the backend, or in words why there is none.
#include <cstdio>
#include <exception>
#include <string>

#include "dlengine/core/check.h"
#include "dlengine/kernels/cuda/backend_cuda.h"
#include "dlengine/kernels/cuda/probe.h"
#include "dlengine/kernels/cuda/queue.h"

namespace dlengine::cuda {

namespace {

CudaBackend* the_backend = nullptr;

// Of the major version that dlengine was built with, whose functions are all in the first ones.
constexpr size_t kOldestCudnn = 90'100;

std::string version(int number) { return fmt::format("{}.{}", number / 1000, number % 1000 / 10); }

// What it means that the devices cannot be counted.
std::string no_devices(cudaError_t error) {
  int driver = 0;
  if (cudaDriverGetVersion(&driver) != cudaSuccess) driver = 0;
  if (error == cudaErrorNoDevice)
    return "the NVIDIA driver sees no CUDA device (is CUDA_VISIBLE_DEVICES empty?)";
  if (error == cudaErrorInsufficientDriver && driver == 0) return "no NVIDIA driver is installed";
  if (error == cudaErrorInsufficientDriver) {
    return fmt::format("the NVIDIA driver is for CUDA {}, older than CUDA {} that dlengine was built with",
                       version(driver), version(CUDART_VERSION));
  }
  return fmt::format("cudaGetDeviceCount failed: {} ({})", cudaGetErrorString(error),
                     static_cast<int>(error));
}

// Empty if the first device can run our kernels.
std::string unfit_device() {
  DLENGINE_CUDA_CHECK(cudaSetDevice(0));
  int major = 0, minor = 0, pools = 0;
  DLENGINE_CUDA_CHECK(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, 0));
  DLENGINE_CUDA_CHECK(cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, 0));
  DLENGINE_CUDA_CHECK(cudaDeviceGetAttribute(&pools, cudaDevAttrMemoryPoolsSupported, 0));
  if (pools == 0) return "the CUDA device has no memory pools";
  const cudaError_t error = probe_kernel_image();
  if (error == cudaErrorNoKernelImageForDevice || error == cudaErrorUnsupportedPtxVersion) {
    return fmt::format("dlengine was built without kernels for this GPU of compute capability {}.{} ({})",
                       major, minor, cudaGetErrorString(error));
  }
  check_call(error, "cudaFuncGetAttributes");
  return {};
}

// Empty if the backend can be used.
std::string reason_against(uint32_t abi, int& device_count) {
  if (abi != kBackendAbi) {
    return fmt::format("libdlengine_cuda.so is of another version (interface {}, need {})", kBackendAbi, abi);
  }
  const cudaError_t error = cudaGetDeviceCount(&device_count);
  if (error != cudaSuccess) return no_devices(error);
  if (device_count == 0) return no_devices(cudaErrorNoDevice);
  if (const size_t dnn = cudnnGetVersion(); dnn < kOldestCudnn || dnn / 10'000 != CUDNN_MAJOR) {
    return fmt::format("cuDNN {}.{} does not serve: need version {} from {}.{} on", dnn / 10'000,
                       dnn / 100 % 100, CUDNN_MAJOR, kOldestCudnn / 10'000, kOldestCudnn / 100 % 100);
  }
  return unfit_device();
}

}  // namespace

CudaBackend* cuda_backend() { return the_backend; }

}  // namespace dlengine::cuda

/// See OpenBackend in core/backend.h.
extern "C" __attribute__((visibility("default"))) dlengine::Backend* dlengine_open_backend(uint32_t abi,
                                                                                           char* reason,
                                                                                           size_t capacity) {
  using dlengine::cuda::the_backend;
  std::string text;
  try {
    int device_count = 0;
    if (!the_backend) text = dlengine::cuda::reason_against(abi, device_count);
    if (!the_backend && text.empty())
      the_backend = new dlengine::cuda::CudaBackend(device_count);  // for ever
  } catch (const std::exception& error) {
    text = error.what();
  }
  (void)cudaGetLastError();
  std::snprintf(reason, capacity, "%s", text.c_str());
  return the_backend;
}

// The emulated CUDA runtime: the device, its limits.
#include <fmt/format.h>

#include <cstdio>
#include <optional>

#include "tests/emulator/memory/memory.h"
#include "tests/emulator/runtime/cudart.h"
#include "tests/emulator/runtime/device_limits.h"

namespace dlengine::emulator {

namespace {

cudaError_t check_device(int device) {
  if (device == 0) return cudaSuccess;
  return refuse(cudaErrorInvalidDevice, kind::kInvalidArgument, fmt::format("{} of 1", device));
}

std::optional<int> value_of(cudaDeviceAttr attribute) {
  switch (int(attribute)) {
    case cudaDevAttrComputeCapabilityMajor: return kMajor;
    case cudaDevAttrComputeCapabilityMinor: return kMinor;
    case cudaDevAttrMultiProcessorCount: return kMultiprocessors;
    case cudaDevAttrWarpSize: return kWarp;
    case cudaDevAttrMaxThreadsPerBlock:
    case cudaDevAttrMaxBlockDimX:
    case cudaDevAttrMaxBlockDimY: return kThreadsPerBlock;
    case cudaDevAttrMaxBlockDimZ: return kBlockZ;
    case cudaDevAttrMaxGridDimX: return kGridX;
    case cudaDevAttrMaxGridDimY:
    case cudaDevAttrMaxGridDimZ: return kGridYZ;
    case cudaDevAttrMaxThreadsPerMultiProcessor: return kThreadsPerMultiprocessor;
    case cudaDevAttrMaxBlocksPerMultiprocessor: return kBlocksPerMultiprocessor;
    case cudaDevAttrMaxRegistersPerBlock:
    case cudaDevAttrMaxRegistersPerMultiprocessor: return kRegisters;
    case cudaDevAttrMaxSharedMemoryPerBlock: return kSharedPerBlock;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin: return kSharedPerBlockOptIn;
    case cudaDevAttrMaxSharedMemoryPerMultiprocessor: return kSharedPerMultiprocessor;
    case cudaDevAttrReservedSharedMemoryPerBlock: return kSharedReserved;
    case cudaDevAttrL2CacheSize: return kL2Bytes;
    case cudaDevAttrMemoryPoolsSupported:
    case cudaDevAttrConcurrentKernels:
    case cudaDevAttrUnifiedAddressing:
    case cudaDevAttrCanMapHostMemory: return 1;
    case cudaDevAttrIntegrated:
    case cudaDevAttrManagedMemory:
    case cudaDevAttrPageableMemoryAccess: return 0;
  }
  return std::nullopt;
}

cudaDeviceProp properties() {
  cudaDeviceProp all{};
  std::snprintf(all.name, sizeof(all.name), "emulated device on the CPU");
  all.totalGlobalMem = device_capacity();
  all.major = kMajor;
  all.minor = kMinor;
  all.multiProcessorCount = kMultiprocessors;
  all.warpSize = kWarp;
  all.maxThreadsPerBlock = all.maxThreadsDim[0] = all.maxThreadsDim[1] = kThreadsPerBlock;
  all.maxThreadsDim[2] = kBlockZ;
  all.maxGridSize[0] = kGridX;
  all.maxGridSize[1] = all.maxGridSize[2] = kGridYZ;
  all.maxThreadsPerMultiProcessor = kThreadsPerMultiprocessor;
  all.maxBlocksPerMultiProcessor = kBlocksPerMultiprocessor;
  all.regsPerBlock = all.regsPerMultiprocessor = kRegisters;
  all.sharedMemPerBlock = kSharedPerBlock;
  all.sharedMemPerBlockOptin = kSharedPerBlockOptIn;
  all.sharedMemPerMultiprocessor = kSharedPerMultiprocessor;
  all.reservedSharedMemPerBlock = kSharedReserved;
  all.l2CacheSize = kL2Bytes;
  all.memoryPoolsSupported = all.concurrentKernels = all.unifiedAddressing = all.canMapHostMemory = 1;
  return all;
}

}  // namespace

extern "C" cudaError_t cudaGetDeviceCount(int* count) {
  return runtime_call(__func__, [&] {
    *count = 1;
    return cudaSuccess;
  });
}

extern "C" cudaError_t cudaGetDevice(int* device) {
  return runtime_call(__func__, [&] {
    *device = 0;
    return cudaSuccess;
  });
}

extern "C" cudaError_t cudaSetDevice(int device) {
  return runtime_call(__func__, [&] { return check_device(device); });
}

extern "C" cudaError_t cudaDriverGetVersion(int* version) {
  return runtime_call(__func__, [&] {
    *version = CUDART_VERSION;
    return cudaSuccess;
  });
}

extern "C" cudaError_t cudaRuntimeGetVersion(int* version) {
  return runtime_call(__func__, [&] {
    *version = CUDART_VERSION;
    return cudaSuccess;
  });
}

extern "C" cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device) {
  return runtime_call(__func__, [&] {
    if (const cudaError_t error = check_device(device)) return error;
    const std::optional<int> found = value_of(attribute);
    if (!found) return not_emulated(fmt::format("attribute {}", int(attribute)));
    *value = *found;
    return cudaSuccess;
  });
}

extern "C" cudaError_t cudaGetDeviceProperties(cudaDeviceProp* all, int device) {
  return runtime_call(__func__, [&] {
    if (const cudaError_t error = check_device(device)) return error;
    *all = properties();
    return cudaSuccess;
  });
}

}  // namespace dlengine::emulator

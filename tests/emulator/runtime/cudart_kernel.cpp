// The emulated CUDA runtime: attributes of kernels.
#include <fmt/format.h>

#include <unordered_map>

#include "tests/emulator/runtime/cudart.h"
#include "tests/emulator/runtime/device_limits.h"
#include "tests/emulator/runtime/kernel_attributes.h"

namespace dlengine::emulator {

namespace {

std::unordered_map<const void*, int>& raised_limits() {
  static auto& all = *new std::unordered_map<const void*, int>;  // used until the very end of the process
  return all;
}

cudaError_t check_kernel(const void* kernel) {
  return kernel ? cudaSuccess : refuse(cudaErrorInvalidDeviceFunction, kind::kInvalidArgument, "no kernel");
}

cudaError_t set_attribute(const void* kernel, cudaFuncAttribute attribute, int value) {
  if (const cudaError_t error = check_kernel(kernel)) return error;
  if (attribute == cudaFuncAttributePreferredSharedMemoryCarveout) return cudaSuccess;  // a hint
  if (attribute != cudaFuncAttributeMaxDynamicSharedMemorySize) {
    return not_emulated(fmt::format("attribute {}", int(attribute)));
  }
  if (value < 0 || value > kSharedPerBlockOptIn) {
    return refuse(cudaErrorInvalidValue, kind::kInvalidArgument,
                  fmt::format("{} bytes of shared memory; the device has {}", value, kSharedPerBlockOptIn));
  }
  raised_limits()[kernel] = value;
  return cudaSuccess;
}

}  // namespace

size_t dynamic_shared_limit(const void* kernel) {
  const auto found = raised_limits().find(kernel);
  return size_t(found == raised_limits().end() ? kSharedPerBlock : found->second);
}

// A compiler for the CPU knows neither registers nor static shared memory; these are as they may well be.
extern "C" cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* all, const void* kernel) {
  return runtime_call(__func__, [&] {
    if (const cudaError_t error = check_kernel(kernel)) return error;
    *all = {};
    all->maxThreadsPerBlock = kThreadsPerBlock;
    all->numRegs = 32;
    all->ptxVersion = all->binaryVersion = 10 * kMajor + kMinor;
    all->maxDynamicSharedSizeBytes = int(dynamic_shared_limit(kernel));
    return cudaSuccess;
  });
}

extern "C" cudaError_t cudaFuncSetAttribute(const void* kernel, cudaFuncAttribute attribute, int value) {
  return runtime_call(__func__, [&] { return set_attribute(kernel, attribute, value); });
}

}  // namespace dlengine::emulator

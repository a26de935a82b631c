// The contract's device is a GPU with NVIDIA's libraries.
#include <cuda_runtime_api.h>
#include <gtest/gtest.h>

#include "tests/emulator/contract/contract_device.h"

namespace dlengine::contract {

std::string why_no_device() {
  int count = 0;
  const cudaError_t error = cudaGetDeviceCount(&count);
  (void)cudaGetLastError();
  if (error != cudaSuccess) return cudaGetErrorString(error);
  return count == 0 ? "the driver sees no device" : "";
}

bool may_decline() { return true; }

void expect_reports() { (void)cudaGetLastError(); }

void expect_silence() {
  EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
  EXPECT_EQ(cudaGetLastError(), cudaSuccess);
}

}  // namespace dlengine::contract

// The contract's device is the emulated one.
#include <cuda_runtime_api.h>
#include <gmock/gmock.h>

#include "tests/emulator/contract/contract_device.h"
#include "tests/emulator/control.h"

namespace dlengine::contract {

std::string why_no_device() { return {}; }

bool may_decline() { return false; }

void expect_reports() {
  EXPECT_THAT(dlengine_emulator_control()->take_reports(), testing::Not(testing::IsEmpty()));
  (void)cudaGetLastError();
}

void expect_silence() {
  EXPECT_THAT(dlengine_emulator_control()->take_reports(), testing::IsEmpty());
  EXPECT_EQ(cudaGetLastError(), cudaSuccess);
}

}  // namespace dlengine::contract

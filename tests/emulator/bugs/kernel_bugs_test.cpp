// Every check of kernels finds a planted bug, in each order of threads and blocks, and is silent without the
// bug.
#include <cuda_runtime_api.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <tuple>
#include <vector>

#include "tests/emulator/bugs/planted_kernels.h"
#include "tests/emulator/control.h"
#include "tests/emulator/report.h"

namespace dlengine::emulator::test {
namespace {

using testing::AllOf;
using testing::Each;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

Control& device() { return *dlengine_emulator_control(); }

// The memory of planted kernels.
class DeviceMemory {
 public:
  DeviceMemory() {
    memory_.ones = allocate<float>();
    memory_.fresh = allocate<float>();
    memory_.counters = allocate<uint32_t>();
    memory_.host = host_.data();
    cudaMemcpy(memory_.ones, host_.data(), kFloats * sizeof(float), cudaMemcpyHostToDevice);
    cudaMemset(memory_.counters, 0, kFloats * sizeof(uint32_t));
  }
  ~DeviceMemory() {
    cudaFree(memory_.ones);
    cudaFree(memory_.fresh);
    cudaFree(memory_.counters);
  }
  DeviceMemory(const DeviceMemory&) = delete;
  DeviceMemory& operator=(const DeviceMemory&) = delete;
  const KernelMemory& get() const { return memory_; }

 private:
  template <typename T>
  static T* allocate() {
    void* data = nullptr;
    EXPECT_EQ(cudaMalloc(&data, kFloats * sizeof(T)), cudaSuccess);
    return static_cast<T*>(data);
  }

  std::vector<float> host_ = std::vector<float>(kFloats, 1.0f);
  KernelMemory memory_{};
};

std::vector<std::string> reports_of(const PlantedBug& planted, bool bug) {
  const DeviceMemory memory;
  planted.launch(bug, memory.get());
  return device().take_reports();
}

class KernelBugs : public testing::TestWithParam<std::tuple<PlantedBug, Schedule>> {
 protected:
  void SetUp() override {
    setenv("DLENGINE_EMU_WATCHDOG", "0.1", 1);
    device().set_modes(std::get<Schedule>(GetParam()), Execution::lazy, 5);
  }
};

TEST_P(KernelBugs, AreFoundAndOnlyThey) {
  const auto& [planted, schedule] = GetParam();
  EXPECT_THAT(reports_of(planted, false), IsEmpty());
  if (planted.needs_forward_order && schedule != Schedule::forward) return;
  EXPECT_THAT(reports_of(planted, true),
              AllOf(Not(IsEmpty()), Each(AllOf(StartsWith(std::string(planted.kind) + ": "),
                                               HasSubstr("planted_kernels.cu:")))));
  EXPECT_THAT(reports_of(planted, false), IsEmpty()) << "after the bug";
}

std::string case_name(const testing::TestParamInfo<KernelBugs::ParamType>& info) {
  const auto& [planted, schedule] = info.param;
  const char* const order = schedule == Schedule::forward   ? "forward"
                            : schedule == Schedule::reverse ? "reverse"
                                                            : "shuffled";
  return std::string(planted.name) + "_" + order;
}

INSTANTIATE_TEST_SUITE_P(, KernelBugs,
                         testing::Combine(testing::ValuesIn(planted_bugs().begin(), planted_bugs().end()),
                                          testing::Values(Schedule::forward, Schedule::reverse,
                                                          Schedule::shuffled)),
                         case_name);

}  // namespace
}  // namespace dlengine::emulator::test

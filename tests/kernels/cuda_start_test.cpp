// A program on a machine without a CUDA device: it starts, and says why there is none.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "dlengine/core/backend.h"
#include "dlengine/core/error.h"
#include "dlengine/core/tensor.h"
#include "dlengine/kernels/plugin.h"

namespace dlengine {
namespace {

using testing::AnyOf;
using testing::HasSubstr;

constexpr Device kCuda{DeviceKind::cuda, 0};

DeviceReport cuda_report() {
  for (const DeviceReport& report : device_reports()) {
    if (report.kind == DeviceKind::cuda) return report;
  }
  ADD_FAILURE() << "device_reports() leaves CUDA out";
  return {};
}

std::string refusal_of(Device device) {
  try {
    backend_for(device);
  } catch (const DeviceError& error) {
    return error.what();
  }
  return "nothing was thrown";
}

TEST(DeviceReports, TheCpuIsAvailableAndDescribed) {
  const DeviceReport report = device_reports().at(0);
  EXPECT_EQ(report.kind, DeviceKind::cpu);
  EXPECT_TRUE(report.available);
  EXPECT_EQ(report.reason, "");
  ASSERT_EQ(report.devices.size(), 1u);
  EXPECT_EQ(report.devices[0], describe(kCpu));
  EXPECT_TRUE(is_available(kCpu));
}

TEST(DeviceReports, AMissingCudaDeviceHasAReasonInOneLine) {
  const DeviceReport report = cuda_report();
  if (report.available) GTEST_SKIP() << "there is a CUDA device: " << report.devices.at(0);
  EXPECT_TRUE(report.devices.empty());
  EXPECT_THAT(report.reason, AnyOf(HasSubstr("driver"), HasSubstr("no CUDA backend"), HasSubstr("loaded")));
  EXPECT_EQ(report.reason.find('\n'), std::string::npos);
  EXPECT_FALSE(is_available(kCuda));
}

TEST(DeviceReports, AnAvailableCudaDeviceIsDescribed) {
  const DeviceReport report = cuda_report();
  if (!report.available) GTEST_SKIP() << "no CUDA device: " << report.reason;
  EXPECT_EQ(report.reason, "");
  EXPECT_THAT(report.devices.at(0), HasSubstr("driver"));
  EXPECT_TRUE(is_available(kCuda));
}

TEST(BackendFor, AMissingCudaDeviceThrowsTheReason) {
  const DeviceReport report = cuda_report();
  if (report.available) GTEST_SKIP() << "there is a CUDA device: " << report.devices.at(0);
  EXPECT_EQ(refusal_of(kCuda), "device cuda:0 is not available: " + report.reason);
  EXPECT_THROW(Storage(16, kCuda), DeviceError);
}

TEST(BackendFor, ANumberBeyondTheLastDeviceThrows) {
  EXPECT_THAT(refusal_of({DeviceKind::cuda, 4096}), HasSubstr("device cuda:4096"));
}

TEST(Plugin, AMissingFileIsNamed) {
  const OpenedBackend opened = open_plugin("libnothing.so", "/nowhere/libnothing.so");
  EXPECT_EQ(opened.backend, nullptr);
  EXPECT_THAT(opened.reason, HasSubstr("/nowhere/libnothing.so"));
}

TEST(Plugin, ANameThatTheLoaderDoesNotFindMeansThereIsNoBackend) {
  const OpenedBackend opened = open_plugin("libdlengine_nothing.so", "");
  EXPECT_EQ(opened.backend, nullptr);
  EXPECT_THAT(opened.reason, HasSubstr("no CUDA backend"));
  EXPECT_THAT(opened.reason, HasSubstr("libdlengine_nothing.so"));
}

TEST(Plugin, ALibraryWithoutTheEntryPointIsRefused) {
  const OpenedBackend opened = open_plugin("libm.so.6", "libm.so.6");
  EXPECT_EQ(opened.backend, nullptr);
  EXPECT_THAT(opened.reason, HasSubstr(kOpenBackendSymbol));
}

TEST(Plugin, TheReasonOfABackendIsPassedOn) {
  const OpenedBackend opened = open_backend([](uint32_t abi, char* reason, size_t capacity) -> Backend* {
    const std::string text = abi == kBackendAbi ? "out of\ncoffee" : "wrong interface";
    reason[text.copy(reason, capacity - 1)] = '\0';
    return nullptr;
  });
  EXPECT_EQ(opened.backend, nullptr);
  EXPECT_EQ(opened.reason, "out of coffee");
}

}  // namespace
}  // namespace dlengine

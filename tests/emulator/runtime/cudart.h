// What the functions of the emulated CUDA runtime share.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <string>
#include <string_view>

#include "tests/emulator/injection.h"
#include "tests/emulator/runtime/lanes.h"

namespace dlengine::emulator {

namespace kind {
inline constexpr std::string_view kDoubleFree = "double free";
inline constexpr std::string_view kForeignFree = "free of a foreign pointer";
inline constexpr std::string_view kInvalidArgument = "invalid argument";
inline constexpr std::string_view kDirection = "wrong direction";
inline constexpr std::string_view kPinnedChanged = "pinned memory changed";
inline constexpr std::string_view kNeverRecorded = "event never recorded";
inline constexpr std::string_view kInCapture = "illegal during capture";
inline constexpr std::string_view kCapturedEvent = "captured event";
inline constexpr std::string_view kUnjoined = "unjoined fork";
inline constexpr std::string_view kNotEmulated = "not emulated";
}  // namespace kind

/// Keeps a failure for cudaGetLastError; one that breaks the context, for all later calls. Returns its
/// argument.
cudaError_t remember(cudaError_t status);
/// The failure that broke the context, or cudaSuccess.
cudaError_t broken_context();
/// A test's injected failure is over.
void mend_context();

/// Enters a function of the runtime and runs its body, which returns a cudaError_t, unless the call must
/// fail.
template <typename Body>
cudaError_t runtime_call(const char* api, const Body& body) {
  const ApiCall call(api);
  if (broken_context() != cudaSuccess) return remember(broken_context());
  return remember(call.injected() ? static_cast<cudaError_t>(*call.injected()) : body());
}

/// Files a report and returns the status.
cudaError_t refuse(cudaError_t status, std::string_view kind, const std::string& why);
/// For what is legal CUDA and not emulated.
cudaError_t not_emulated(const std::string& what);

/// The host waits for these operations, and counts it.
void synchronize(const Clock& clock);
/// The host asks whether they have run, which takes time: one of them runs.
cudaError_t query(const Clock& clock);
/// When the host waits, the pool gives back what is above its threshold.
void release_pool_memory();

/// All bytes lie in one live allocation of the device; else a report.
bool is_device_range(const void* data, size_t bytes, const char* role);

}  // namespace dlengine::emulator

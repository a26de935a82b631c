// Which backend computes on which device.
#include <cstdlib>

#include "dlengine/core/backend.h"
#include "dlengine/core/check.h"
#include "dlengine/core/graph/tracing.h"
#include "dlengine/kernels/cpu/backend_cpu.h"
#include "dlengine/kernels/functors.h"
#include "dlengine/kernels/plugin.h"

// The entry point of a backend that is linked in; otherwise it is a plugin's, and not called by this name.
extern "C" dlengine::Backend* dlengine_open_backend(uint32_t abi, char* reason, size_t capacity);

namespace dlengine {

namespace {

OpenedBackend open_cuda() {
  if constexpr (DLENGINE_CUDA_LINKED) return open_backend(dlengine_open_backend);
  const char* path = std::getenv("DLENGINE_CUDA_PLUGIN");
  return open_plugin("libdlengine_cuda.so", path ? path : "");
}

// Opened when it is first asked for.
const OpenedBackend& opened_cuda() {
  static const OpenedBackend opened = open_cuda();
  return opened;
}

DeviceReport report(DeviceKind kind, const OpenedBackend& opened) {
  DeviceReport report{kind, opened.backend != nullptr, {}, opened.reason};
  const int count = opened.backend ? opened.backend->device_count() : 0;
  for (int i = 0; i < count; ++i) report.devices.push_back(opened.backend->describe(i));
  return report;
}

/// Apart from backend_for(), which every operation calls, as that is short without it.
[[gnu::noinline]] Backend& cuda_backend_for(Device device) {
  const OpenedBackend& opened = opened_cuda();
  check<DeviceError>(opened.backend, "device {} is not available: {}", device, opened.reason);
  const int count = opened.backend->device_count();
  check<DeviceError>(device.index >= 0 && device.index < count,
                     "device {} does not exist: CUDA devices here: {}", device, count);
  return *opened.backend;
}

}  // namespace

Backend& backend_for(Device device) {
  const Tracing& tracing = tracing_on_this_thread;
  if (tracing.backend && tracing.device == device) [[unlikely]] {
    return *tracing.backend;
  }
  return device.kind == DeviceKind::cpu ? cpu_backend() : cuda_backend_for(device);
}

bool is_available(Device device) {
  if (device.kind == DeviceKind::cpu) return device.index == 0;
  const Backend* backend = opened_cuda().backend;
  return backend && device.index >= 0 && device.index < backend->device_count();
}

std::string describe(Device device) { return backend_for(device).describe(device.index); }

std::vector<DeviceReport> device_reports() {
  return {report(DeviceKind::cpu, {&cpu_backend(), {}}), report(DeviceKind::cuda, opened_cuda())};
}

bool slope_from_result(UnaryOp op) {
  return visit_unary<float>(op, [](auto function) { return decltype(function)::kSlopeFromResult; });
}

}  // namespace dlengine

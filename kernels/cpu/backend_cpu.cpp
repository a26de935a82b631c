// Device, memory and events of the CPU backend.
#include "dlengine/kernels/cpu/backend_cpu.h"

#include <chrono>
#include <cstring>
#include <fstream>

#include "dlengine/core/check.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/parallel.h"
#include "dlengine/kernels/cpu/launch.h"
#include "dlengine/kernels/cpu/onednn.h"
#include "dlengine/kernels/cpu/prepared.h"
#include "dlengine/kernels/cpu/scratch.h"

namespace dlengine {

namespace {

using Clock = std::chrono::steady_clock;

std::string processor_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const size_t colon = line.find(": ");
    if (line.starts_with("model name") && colon != std::string::npos) return line.substr(colon + 2);
  }
  return "CPU";
}

}  // namespace

CpuBackend& cpu_backend() {
  static CpuBackend backend;
  return backend;
}

HostAllocator& host_allocator() {
  static HostAllocator& allocator = *new HostAllocator;
  return allocator;
}

Tensor widened(const Tensor& x) {
  if (!x.defined()) return x;
  const Prepared wide(x.raw(), x.shape(), DType::f32);
  Tensor y = wide.tensor();
  wide.fill([&] { cpu_backend().copy(x, y); });
  return y;
}

Tensor wide_like(const Tensor& x) { return empty(x.shape(), DType::f32); }

std::string CpuBackend::describe(int) const {
  return fmt::format("{}, {} {}, {}", processor_name(), num_threads(),
                     num_threads() == 1 ? "thread" : "threads", onednn::description());
}

Allocator& CpuBackend::allocator(int) { return host_allocator(); }

std::shared_ptr<void> CpuBackend::new_stream(int) { return nullptr; }
std::shared_ptr<void> CpuBackend::current_stream(int) const { return nullptr; }
void CpuBackend::set_current_stream(int, std::shared_ptr<void>) {}
void CpuBackend::synchronize_stream(int, void*) {}
void CpuBackend::synchronize(int) {}

std::shared_ptr<void> CpuBackend::new_event(int) { return std::make_shared<Clock::time_point>(); }
void CpuBackend::record_event(int, void* event, void*) {
  *static_cast<Clock::time_point*>(event) = Clock::now();
}
void CpuBackend::wait_event(int, void*, void*) {}
void CpuBackend::synchronize_event(int, void*) {}

double CpuBackend::elapsed_ms(int, void* start, void* stop) {
  const auto time = [](void* event) { return *static_cast<Clock::time_point*>(event); };
  return std::chrono::duration<double, std::milli>(time(stop) - time(start)).count();
}

namespace {

struct CpuRecording final : Recording {
  LaunchList launches;
  void replay() override { launches.run(); }
  void prepare() override { launches.prepare(); }
  int64_t size() const override { return static_cast<int64_t>(launches.size()); }
};

thread_local std::unique_ptr<CpuRecording> recording;  // under way

}  // namespace

void CpuBackend::begin_recording(int) {
  recording = std::make_unique<CpuRecording>();
  LaunchList::recording() = &recording->launches;
}

std::unique_ptr<Recording> CpuBackend::end_recording(int, bool keep) {
  LaunchList::recording() = nullptr;
  if (!keep) recording = nullptr;
  return std::move(recording);
}

void CpuBackend::copy_from_host(void* device_dst, const void* host_src, size_t bytes, int) {
  std::memcpy(device_dst, host_src, bytes);
}

void CpuBackend::copy_to_host(void* host_dst, const void* device_src, size_t bytes, int) {
  std::memcpy(host_dst, device_src, bytes);
}

}  // namespace dlengine

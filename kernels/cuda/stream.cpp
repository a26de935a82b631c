// Devices, streams, events and copies between host and device.
#include <algorithm>
#include <unordered_map>

#include "dlengine/core/check.h"
#include "dlengine/kernels/cuda/backend_cuda.h"
#include "dlengine/kernels/cuda/cuda_device.h"

namespace dlengine::cuda {

namespace {

// The queue behind each stream that new_stream() gave away, to find it by its handle.
std::mutex queues_mutex;
std::unordered_map<void*, std::weak_ptr<Queue>>& queues() {
  static auto& all = *new std::unordered_map<void*, std::weak_ptr<Queue>>;  // outlives every stream
  return all;
}

std::shared_ptr<void> handle_of(std::shared_ptr<Queue> queue) {
  cudaStream_t stream = queue->home();
  return {std::move(queue), stream};
}

// The handle as CUDA's, null for the device's own stream; while this thread records on it, where it does so.
// Makes the device current.
cudaStream_t stream_of(int index, void* handle) {
  const Queue& current = current_queue({DeviceKind::cuda, index});
  if (!handle) return cuda_backend()->device(index).queue->stream();
  return handle == current.home() ? current.stream() : static_cast<cudaStream_t>(handle);
}

}  // namespace

CudaBackend::CudaBackend(int device_count) {
  for (int i = 0; i < device_count; ++i) devices_.push_back(std::make_unique<CudaDevice>(i));
}

CudaBackend::~CudaBackend() = default;

CudaDevice& CudaBackend::device(int index) {
  check<DeviceError>(index >= 0 && size_t(index) < devices_.size(),
                     "cuda:{} does not exist; there are {} CUDA devices", index, devices_.size());
  CudaDevice& device = *devices_[size_t(index)];
  std::call_once(device.opened, [&] { device.open(); });
  return device;
}

int CudaBackend::device_count() const { return int(devices_.size()); }

std::string CudaBackend::describe(int index) const {
  cudaDeviceProp properties{};
  DLENGINE_CUDA_CHECK(cudaGetDeviceProperties(&properties, index));
  int driver = 0, blas_major = 0, blas_minor = 0;
  DLENGINE_CUDA_CHECK(cudaDriverGetVersion(&driver));
  DLENGINE_CUDA_CHECK(cublasLtGetProperty(MAJOR_VERSION, &blas_major));
  DLENGINE_CUDA_CHECK(cublasLtGetProperty(MINOR_VERSION, &blas_minor));
  const size_t dnn = cudnnGetVersion();
  return fmt::format("{}, {} GiB, driver {}.{}, cuBLAS {}.{}, cuDNN {}.{}", properties.name,
                     properties.totalGlobalMem >> 30, driver / 1000, driver % 1000 / 10, blas_major,
                     blas_minor, dnn / 10000, dnn / 100 % 100);
}

Allocator& CudaBackend::allocator(int index) { return *device(index).allocator; }

std::shared_ptr<void> CudaBackend::new_stream(int index) {
  (void)enter({DeviceKind::cuda, index});
  auto queue = std::make_shared<Queue>(index);
  const std::lock_guard lock(queues_mutex);
  std::erase_if(queues(), [](const auto& entry) { return entry.second.expired(); });
  queues()[queue->home()] = queue;
  return handle_of(std::move(queue));
}

std::shared_ptr<void> CudaBackend::current_stream(int index) const {
  return handle_of(shared_current_queue(index));
}

void CudaBackend::set_current_stream(int index, std::shared_ptr<void> stream) {
  std::shared_ptr<Queue> queue;
  if (stream && stream.get() != device(index).queue->home()) {
    const std::lock_guard lock(queues_mutex);
    const auto found = queues().find(stream.get());
    if (found != queues().end()) queue = found->second.lock();
    check<DeviceError>(queue && queue->device() == index, "cuda:{}: the stream is not one of this device",
                       index);
  }
  set_current_queue(index, std::move(queue));
}

void CudaBackend::synchronize_stream(int index, void* stream) {
  const cudaStream_t waited = stream_of(index, stream);
  DLENGINE_CUDA_CHECK(cudaStreamSynchronize(waited));
  device(index).throw_fault(waited);
}

void CudaBackend::synchronize(int index) {
  const cudaStream_t stream = enter({DeviceKind::cuda, index});
  device(index).synchronize();
  device(index).throw_fault(stream);
}

std::shared_ptr<void> CudaBackend::new_event(int index) {
  (void)enter({DeviceKind::cuda, index});
  cudaEvent_t event = nullptr;
  DLENGINE_CUDA_CHECK(cudaEventCreate(&event));
  return {event, Destroy<cudaEventDestroy>{}};
}

void CudaBackend::record_event(int index, void* event, void* stream) {
  DLENGINE_CUDA_CHECK(cudaEventRecord(static_cast<cudaEvent_t>(event), stream_of(index, stream)));
}

void CudaBackend::wait_event(int index, void* event, void* stream) {
  DLENGINE_CUDA_CHECK(cudaStreamWaitEvent(stream_of(index, stream), static_cast<cudaEvent_t>(event), 0));
}

void CudaBackend::synchronize_event(int index, void* event) {
  (void)enter({DeviceKind::cuda, index});
  DLENGINE_CUDA_CHECK(cudaEventSynchronize(static_cast<cudaEvent_t>(event)));
}

double CudaBackend::elapsed_ms(int index, void* start, void* stop) {
  synchronize_event(index, start);
  synchronize_event(index, stop);
  float ms = 0;
  DLENGINE_CUDA_CHECK(
      cudaEventElapsedTime(&ms, static_cast<cudaEvent_t>(start), static_cast<cudaEvent_t>(stop)));
  return double(ms);
}

void CudaBackend::copy_from_host(void* device_dst, const void* host_src, size_t bytes, int index) {
  Queue& queue = current_queue({DeviceKind::cuda, index});
  queue.staging().copy_to_device(device_dst, host_src, bytes, queue.stream());
}

void CudaBackend::copy_to_host(void* host_dst, const void* device_src, size_t bytes, int index) {
  Queue& queue = current_queue({DeviceKind::cuda, index});
  const bool fault = queue.wait(fault_of({DeviceKind::cuda, index}), [&] {
    if (bytes == 0) return;
    DLENGINE_CUDA_CHECK(cudaMemcpyAsync(host_dst, device_src, bytes, cudaMemcpyDeviceToHost, queue.stream()));
  });
  if (fault) device(index).throw_fault(queue.stream());
}

}  // namespace dlengine::cuda

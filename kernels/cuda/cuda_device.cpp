// Setting up a GPU, and which stream a thread works on.
#include "dlengine/kernels/cuda/cuda_device.h"

#include <vector>

#include "dlengine/core/capture.h"
#include "dlengine/core/check.h"
#include "dlengine/kernels/cuda/backend_cuda.h"

namespace dlengine::cuda {

namespace {

// This thread's choice of queue by device; null: the device's own. A tensor may be freed after the thread's
// variables are gone, so a flag, which needs no destructor, says whether they are.
thread_local bool choices_are_gone = false;
struct Choices {
  std::vector<std::shared_ptr<Queue>> by_device;
  ~Choices() { choices_are_gone = true; }
};
thread_local Choices choices;

const std::shared_ptr<Queue>& queue_of_thread(const CudaDevice& device) {
  const auto index = size_t(device.index);
  const bool chosen = !choices_are_gone && index < choices.by_device.size() && choices.by_device[index];
  return chosen ? choices.by_device[index] : device.queue;
}

// The CPU backend's words.
std::string text_of(const Fault& fault) {
  const auto bad_index = [&](const char* op) {
    return fmt::format("{}: index {} at {} is outside of 0 .. {}", op, fault.value, fault.position,
                       fault.limit - 1);
  };
  const auto bad_label = [&](const char* op) {
    return fmt::format("{}: label {} of row {} is outside of the classes 0 .. {}", op, fault.value,
                       fault.position, fault.limit - 1);
  };
  switch (fault.kind) {
    case Fault::kLabel: return bad_label("cross_entropy");
    case Fault::kIndexSelect: return bad_index("index_select");
    case Fault::kIndexAdd: return bad_index("index_add");
    case Fault::kGather: return bad_index("gather");
    case Fault::kScatterAdd: return bad_index("scatter_add");
    case Fault::kPositionOf: return bad_index(fault.op);
    case Fault::kLabelOf: return bad_label(fault.op);
  }
  return "a kernel reported an unknown fault";
}

CudaDevice& use(int index) {
  CudaDevice& device = cuda_backend()->device(index);
  int now = -1;
  DLENGINE_CUDA_CHECK(cudaGetDevice(&now));
  if (now != index) DLENGINE_CUDA_CHECK(cudaSetDevice(index));
  return device;
}

}  // namespace

void CudaDevice::open() {
  DLENGINE_CUDA_CHECK(cudaSetDevice(index));
  queue = std::make_shared<Queue>(index);
  allocator = std::make_unique<CudaAllocator>(index);
  void* memory = nullptr;
  DLENGINE_CUDA_CHECK(cudaMalloc(&memory, sizeof(Fault)));
  fault.reset(static_cast<Fault*>(memory));
  DLENGINE_CUDA_CHECK(cudaMemsetAsync(memory, 0, sizeof(Fault), queue->stream()));
  DLENGINE_CUDA_CHECK(cudaStreamSynchronize(queue->stream()));
}

void CudaDevice::synchronize() {
  std::unique_lock lock(recording, std::defer_lock);
  if (!Queue::recording()) lock.lock();
  DLENGINE_CUDA_CHECK(cudaDeviceSynchronize());
}

void CudaDevice::throw_fault(cudaStream_t stream) {
  const std::lock_guard lock(fault_mutex);
  Fault found{};
  DLENGINE_CUDA_CHECK(cudaMemcpyAsync(&found, fault.get(), sizeof(Fault), cudaMemcpyDeviceToHost, stream));
  DLENGINE_CUDA_CHECK(cudaStreamSynchronize(stream));
  if (found.claimed == 0) return;
  DLENGINE_CUDA_CHECK(cudaMemsetAsync(fault.get(), 0, sizeof(Fault), stream));
  DLENGINE_CUDA_CHECK(cudaStreamSynchronize(stream));
  fail<ValueError>("{}", text_of(found));
}

void set_current_queue(int device, std::shared_ptr<Queue> queue) {
  std::vector<std::shared_ptr<Queue>>& chosen = choices.by_device;
  if (chosen.size() <= size_t(device)) chosen.resize(size_t(device) + 1);
  chosen[size_t(device)] = std::move(queue);
}

Queue& current_queue(Device device) { return *queue_of_thread(use(device.index)); }
std::shared_ptr<Queue> shared_current_queue(int device) { return queue_of_thread(use(device)); }
cudaStream_t enter(Device device) { return current_queue(device).stream(); }
Fault* fault_of(Device device) { return cuda_backend()->device(device.index).fault.get(); }

uint32_t* arrivals_of(Device device) { return current_queue(device).arrivals(); }

Scratch::Scratch(size_t bytes, Device device)
    : allocator_(current_allocator(device)), data_(allocator_.allocate(bytes)) {}

}  // namespace dlengine::cuda

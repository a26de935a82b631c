// Recorded steps: CUDA graphs.
#include "dlengine/core/check.h"
#include "dlengine/kernels/cuda/backend_cuda.h"
#include "dlengine/kernels/cuda/cuda_device.h"

namespace dlengine::cuda {

namespace {

class GraphRecording final : public Recording {
 public:
  GraphRecording(std::shared_ptr<Queue> queue, cudaGraph_t graph) : queue_(std::move(queue)), graph_(graph) {
    cudaGraphExec_t executable = nullptr;
    DLENGINE_CUDA_CHECK(cudaGraphInstantiate(&executable, graph, 0));
    executable_.reset(executable);
  }

  /// In the order of the stream that it was recorded on, whose workspace and counter it uses.
  void replay() override {
    Queue& current = current_queue({DeviceKind::cuda, queue_->device()});
    const bool elsewhere = &current != queue_.get();
    if (elsewhere) order(current.stream(), queue_->stream());
    DLENGINE_CUDA_CHECK(cudaGraphLaunch(executable_.get(), queue_->stream()));
    if (elsewhere) order(queue_->stream(), current.stream());
  }

  int64_t size() const override {
    size_t nodes = 0;
    DLENGINE_CUDA_CHECK(cudaGraphGetNodes(graph_.get(), nullptr, &nodes));
    return int64_t(nodes);
  }

 private:
  void order(cudaStream_t first, cudaStream_t then) {
    if (!done_) {
      cudaEvent_t event = nullptr;
      DLENGINE_CUDA_CHECK(cudaEventCreateWithFlags(&event, cudaEventDisableTiming));
      done_.reset(event);
    }
    DLENGINE_CUDA_CHECK(cudaEventRecord(done_.get(), first));
    DLENGINE_CUDA_CHECK(cudaStreamWaitEvent(then, done_.get(), 0));
  }

  std::shared_ptr<Queue> queue_;
  Owned<cudaEvent_t, cudaEventDestroy> done_;  // made at the first replay on another stream
  Owned<cudaGraph_t, cudaGraphDestroy> graph_;
  Owned<cudaGraphExec_t, cudaGraphExecDestroy> executable_;
};

}  // namespace

void CudaBackend::begin_recording(int index) {
  Queue& queue = current_queue({DeviceKind::cuda, index});
  check<DeviceError>(!Queue::recording(), "cuda:{}: this thread records a step already", index);
  std::unique_lock lock(device(index).recording);  // one after the other
  queue.begin_recording();
  const cudaError_t error = cudaStreamBeginCapture(queue.stream(), cudaStreamCaptureModeThreadLocal);
  if (error != cudaSuccess) Queue::end_recording();
  check_call(error, "cudaStreamBeginCapture");
  (void)lock.release();  // until the end
}

std::unique_ptr<Recording> CudaBackend::end_recording(int index, bool keep) {
  std::shared_ptr<Queue> queue = shared_current_queue(index);
  cudaGraph_t graph = nullptr;
  const cudaError_t error = cudaStreamEndCapture(queue->stream(), &graph);
  Queue::end_recording();
  device(index).recording.unlock();
  if (!keep) {
    (void)cudaGetLastError();
    if (graph) (void)cudaGraphDestroy(graph);
    return nullptr;
  }
  check_call(error, "cudaStreamEndCapture");
  auto recording = std::make_unique<GraphRecording>(std::move(queue), graph);
  recording->replay();
  return recording;
}

}  // namespace dlengine::cuda

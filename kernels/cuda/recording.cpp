// Recorded steps: CUDA graphs.
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

  void replay() override {
    const cudaStream_t stream = enter({DeviceKind::cuda, queue_->device()});
    DLENGINE_CUDA_CHECK(cudaGraphLaunch(executable_.get(), stream));
  }

  int64_t size() const override {
    size_t nodes = 0;
    DLENGINE_CUDA_CHECK(cudaGraphGetNodes(graph_.get(), nullptr, &nodes));
    return int64_t(nodes);
  }

 private:
  std::shared_ptr<Queue> queue_;  // its workspace is used by the graph
  Owned<cudaGraph_t, cudaGraphDestroy> graph_;
  Owned<cudaGraphExec_t, cudaGraphExecDestroy> executable_;
};

}  // namespace

void CudaBackend::begin_recording(int index) {
  const cudaStream_t stream = enter({DeviceKind::cuda, index});
  DLENGINE_CUDA_CHECK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
}

std::unique_ptr<Recording> CudaBackend::end_recording(int index, bool keep) {
  std::shared_ptr<Queue> queue = shared_current_queue(index);
  cudaGraph_t graph = nullptr;
  const cudaError_t error = cudaStreamEndCapture(queue->stream(), &graph);
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

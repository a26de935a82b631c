// A stream and the library handles bound to it.
#include "dlengine/kernels/cuda/queue.h"

namespace dlengine::cuda {

namespace {

thread_local const Queue* recorded_here = nullptr;

void use_device(int device) {
  int now = -1;
  DLENGINE_CUDA_CHECK(cudaGetDevice(&now));
  if (now != device) DLENGINE_CUDA_CHECK(cudaSetDevice(device));
}

}  // namespace

Queue::Queue(int device) : device_(device) {
  use_device(device);
  cudaStream_t stream = nullptr;
  DLENGINE_CUDA_CHECK(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  stream_.reset(stream);
  void* seen = nullptr;
  DLENGINE_CUDA_CHECK(cudaMallocHost(&seen, sizeof(Fault)));
  seen_.reset(static_cast<Fault*>(seen));
  void* arrivals = nullptr;
  DLENGINE_CUDA_CHECK(cudaMalloc(&arrivals, sizeof(uint32_t)));
  arrivals_.reset(static_cast<uint32_t*>(arrivals));
  DLENGINE_CUDA_CHECK(cudaMemsetAsync(arrivals, 0, sizeof(uint32_t), stream));
}

Queue::~Queue() {
  int before = -1;
  if (cudaGetDevice(&before) != cudaSuccess) before = -1;
  (void)cudaSetDevice(device_);
  (void)cudaStreamSynchronize(stream_.get());
  staging_.release();
  dnn_.reset();
  blas_.reset();
  blas_workspace_.reset();
  arrivals_.reset();
  seen_.reset();
  recorded_.reset();
  stream_.reset();
  if (before >= 0) (void)cudaSetDevice(before);
}

void Queue::begin_recording() {
  if (!recorded_) {
    cudaStream_t stream = nullptr;
    DLENGINE_CUDA_CHECK(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
    recorded_.reset(stream);
  }
  recorded_here = this;
}

void Queue::end_recording() { recorded_here = nullptr; }
const Queue* Queue::recording() { return recorded_here; }

cublasLtHandle_t Queue::blas() {
  if (blas_) return blas_.get();
  use_device(device_);
  void* workspace = nullptr;
  DLENGINE_CUDA_CHECK(cudaMalloc(&workspace, kBlasWorkspaceBytes));
  blas_workspace_.reset(workspace);
  cublasLtHandle_t handle = nullptr;
  DLENGINE_CUDA_CHECK(cublasLtCreate(&handle));
  blas_.reset(handle);
  return handle;
}

cudnnHandle_t Queue::dnn() {
  if (!dnn_) {
    use_device(device_);
    cudnnHandle_t handle = nullptr;
    DLENGINE_CUDA_CHECK(cudnnCreate(&handle));
    dnn_.reset(handle);
    dnn_stream_ = nullptr;
  }
  if (dnn_stream_ != stream()) {
    DLENGINE_CUDA_CHECK(cudnnSetStream(dnn_.get(), stream()));
    dnn_stream_ = stream();
  }
  return dnn_.get();
}

}  // namespace dlengine::cuda

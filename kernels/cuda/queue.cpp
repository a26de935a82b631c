// A stream and the library handles bound to it.
#include "dlengine/kernels/cuda/queue.h"

namespace dlengine::cuda {

namespace {

// What NVIDIA recommends for Hopper. Our own, because cuBLAS would take new memory for every captured graph.
constexpr size_t kBlasWorkspaceBytes = size_t{32} << 20;

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
}

Queue::~Queue() {
  int before = -1;
  if (cudaGetDevice(&before) != cudaSuccess) before = -1;
  (void)cudaSetDevice(device_);
  (void)cudaStreamSynchronize(stream_.get());
  dnn_.reset();
  blas_.reset();
  blas_workspace_.reset();
  stream_.reset();
  if (before >= 0) (void)cudaSetDevice(before);
}

cublasHandle_t Queue::blas() {
  if (blas_) return blas_.get();
  use_device(device_);
  void* workspace = nullptr;
  DLENGINE_CUDA_CHECK(cudaMalloc(&workspace, kBlasWorkspaceBytes));
  Owned<void*, cudaFree> owned_workspace(workspace);
  cublasHandle_t handle = nullptr;
  DLENGINE_CUDA_CHECK(cublasCreate(&handle));
  Owned<cublasHandle_t, cublasDestroy> owned(handle);
  DLENGINE_CUDA_CHECK(cublasSetStream(handle, stream()));
  DLENGINE_CUDA_CHECK(
      cublasSetWorkspace(handle, workspace, kBlasWorkspaceBytes));  // setting the stream resets it
  // True f32, and 16-bit products are summed in f32 throughout.
  DLENGINE_CUDA_CHECK(cublasSetMathMode(
      handle,
      static_cast<cublasMath_t>(CUBLAS_DEFAULT_MATH | CUBLAS_MATH_DISALLOW_REDUCED_PRECISION_REDUCTION)));
  blas_workspace_ = std::move(owned_workspace);
  blas_ = std::move(owned);
  return blas_.get();
}

cudnnHandle_t Queue::dnn() {
  if (dnn_) return dnn_.get();
  use_device(device_);
  cudnnHandle_t handle = nullptr;
  DLENGINE_CUDA_CHECK(cudnnCreate(&handle));
  Owned<cudnnHandle_t, cudnnDestroy> owned(handle);
  DLENGINE_CUDA_CHECK(cudnnSetStream(handle, stream()));
  dnn_ = std::move(owned);
  return dnn_.get();
}

}  // namespace dlengine::cuda

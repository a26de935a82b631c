// Kernels with the faults that kernel_gates.py must find; compiled by its test, never run.

__global__ void good_kernel(const float4* x, float4* y) { y[threadIdx.x] = x[threadIdx.x]; }

__global__ void local_kernel(const int* index, float* y) {
  float values[64] = {};
  for (int i = 0; i < 64; ++i) values[index[i]] += y[i];
  y[0] = values[index[0]];
}

__global__ void double_kernel(float* y) { y[0] = float(y[0] * 1.1); }

template <typename T>
__global__ void typed_kernel(T* y) {
  y[0] *= y[1];
}
template __global__ void typed_kernel(double*);

__global__ void narrow_kernel(const float* x, float* y) {
  for (int i = 0; i < 4; ++i) y[i * blockDim.x] = x[i * blockDim.x];
}

__global__ void __launch_bounds__(64) greedy_kernel(float* y) {
  float values[300];
#pragma unroll
  for (int i = 0; i < 300; ++i) values[i] = y[i];
  __syncthreads();
#pragma unroll
  for (int i = 0; i < 300; ++i) y[299 - i] = values[i] * values[(i * 7) % 300];
}

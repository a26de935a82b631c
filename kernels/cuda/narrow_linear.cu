// The gradients of a layer of few outputs in one kernel. A block has 32 of the inputs: it takes the samples
// in chunks, whose dy it shares, writes their dx, and sums their part of dW.
#include <algorithm>

#include "dlengine/kernels/cuda/context.h"
#include "dlengine/kernels/cuda/launch.h"
#include "dlengine/kernels/cuda/narrow_linear.h"
#include "dlengine/kernels/cuda/vec.cuh"
#include "dlengine/kernels/functors.h"

namespace dlengine::cuda {

namespace {

constexpr int kMostOutputs = 32;
constexpr int64_t kMostRows = 1024;  // with more samples, too few threads would share the sums

constexpr int kColumns = 32;                // inputs of a block
constexpr int kRows = kThreads / kColumns;  // samples that its threads work on at once
constexpr int kChunk = 64;                  // samples whose dy is in shared memory
constexpr int kGroup = kRows;               // outputs whose sums are finished at once

// dy [rows, outputs], x and dx [rows, inputs], weight and dweight [outputs, inputs], dbias [outputs]; null:
// not wanted.
template <typename T>
struct NarrowLinear {
  int64_t rows, inputs;
  int outputs;
  const T *dy, *x, *weight;
  T *dx, *dweight, *dbias;
  bool masked;  // dx by x
  ReluMask<Accumulate<T>> mask;
};

// slopes[n][o] = dy[first + n][o]; 0 for outputs that are not there.
template <typename T, int kOutputs>
__device__ void load_slopes(const NarrowLinear<T>& p, int64_t first, int count,
                            Accumulate<T> (&slopes)[kChunk][kOutputs]) {
  const int thread = threadIdx.y * kColumns + threadIdx.x;
  for (int i = thread; i < count * kOutputs; i += kThreads) {
    const int n = i / kOutputs, output = i % kOutputs;
    slopes[n][output] = output < p.outputs ? widen(p.dy[(first + n) * p.outputs + output]) : Accumulate<T>(0);
  }
}

// The sums of the block's rows of threads, in the order of the rows; `parts` is free.
template <typename T, int kOutputs>
__device__ void store_weight_gradient(const NarrowLinear<T>& p, int64_t column,
                                      const Accumulate<T> (&sums)[kOutputs],
                                      Accumulate<T> (&parts)[kGroup][kRows][kColumns]) {
  using A = Accumulate<T>;
#pragma unroll
  for (int group = 0; group < kOutputs; group += kGroup) {
    __syncthreads();
#pragma unroll
    for (int i = 0; i < kGroup; ++i) parts[i][threadIdx.y][threadIdx.x] = sums[group + i];
    __syncthreads();
    const int output = group + int(threadIdx.y);
    if (column >= p.inputs || output >= p.outputs) continue;
    A sum(0);
    for (int row = 0; row < kRows; ++row) sum += parts[threadIdx.y][row][threadIdx.x];
    p.dweight[output * p.inputs + column] = narrow<T>(sum);
  }
}

template <typename T, int kOutputs>
__global__ void narrow_linear_grad_kernel(const __grid_constant__ NarrowLinear<T> p) {
  using A = Accumulate<T>;
  DLENGINE_SHARED(A, weights, [kOutputs][kColumns]);
  DLENGINE_SHARED(A, slopes, [kChunk][kOutputs]);
  DLENGINE_SHARED(A, parts, [kGroup][kRows][kColumns]);
  const int64_t column = int64_t{blockIdx.x} * kColumns + threadIdx.x;
  const bool inside = column < p.inputs;
  for (int output = threadIdx.y; output < kOutputs; output += kRows) {
    const bool there = p.dx && inside && output < p.outputs;
    weights[output][threadIdx.x] = there ? widen(p.weight[output * p.inputs + column]) : A(0);
  }
  A sums[kOutputs] = {};
  A bias_sum(0);  // of output threadIdx.x
  for (int64_t first = 0; first < p.rows; first += kChunk) {
    const int count = int(min(int64_t{kChunk}, p.rows - first));
    __syncthreads();
    load_slopes(p, first, count, slopes);
    __syncthreads();
    for (int n = threadIdx.y; n < count; n += kRows) {
      if (threadIdx.x < kOutputs) bias_sum += slopes[n][threadIdx.x];
      if (!inside) continue;
      const int64_t at = (first + n) * p.inputs + column;
      const A x = widen(p.x[at]);
      A slope(0);
#pragma unroll
      for (int output = 0; output < kOutputs; ++output) {
        slope += slopes[n][output] * weights[output][threadIdx.x];
        sums[output] += slopes[n][output] * x;
      }
      if (p.dx) p.dx[at] = narrow<T>(p.masked ? p.mask(x, slope) : slope);
    }
  }
  if (p.dweight) store_weight_gradient(p, column, sums, parts);
  if (!p.dbias || blockIdx.x > 0) return;
  __syncthreads();
  parts[0][threadIdx.y][threadIdx.x] = bias_sum;
  __syncthreads();
  if (threadIdx.y > 0 || int(threadIdx.x) >= p.outputs) return;
  A sum(0);
  for (int row = 0; row < kRows; ++row) sum += parts[0][row][threadIdx.x];
  p.dbias[threadIdx.x] = narrow<T>(sum);
}

template <typename T, int kOutputs>
void launch_narrow(const NarrowLinear<T>& p, cudaStream_t stream) {
  DLENGINE_LAUNCH((narrow_linear_grad_kernel<T, kOutputs>), blocks_for(p.inputs, kColumns),
                  dim3(kColumns, kRows), 0, stream, p);
}

template <typename T>
T* data_or_null(const Tensor& x) {
  return x.defined() ? x.data<T>() : nullptr;
}

}  // namespace

bool narrow_linear_grad(const Tensor& dy, const Tensor& x, const Tensor& weight,
                        Backend::LinearGrads& grads) {
  const int64_t rows = dy.shape()[0], outputs = dy.shape()[1], inputs = x.shape()[1];
  if (rows == 0 || rows > kMostRows || outputs == 0 || outputs > kMostOutputs || inputs == 0) return false;
  visit_floating(dy.dtype(), "linear_grad", [&]<typename T>(Type<T>) {
    NarrowLinear<T> p{};
    p.rows = rows;
    p.inputs = inputs;
    p.outputs = int(outputs);
    p.dy = dy.data<T>();
    p.x = x.data<T>();
    p.weight = weight.data<T>();
    p.dx = data_or_null<T>(grads.dx);
    p.dweight = data_or_null<T>(grads.dweight);
    p.dbias = data_or_null<T>(grads.dbias);
    p.masked = grads.mask_scale != 0;
    p.mask.scale = Accumulate<T>(grads.mask_scale);
    const cudaStream_t stream = enter(dy.device());
    if (outputs <= 8) return launch_narrow<T, 8>(p, stream);
    if (outputs <= 16) return launch_narrow<T, 16>(p, stream);
    launch_narrow<T, kMostOutputs>(p, stream);
  });
  return true;
}

}  // namespace dlengine::cuda

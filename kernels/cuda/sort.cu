// Running sums and sorted orders along an axis. Sums are in an order given by the length alone.
#include "dlengine/core/image_layout.h"
#include "dlengine/kernels/cuda/backend_cuda.h"
#include "dlengine/kernels/cuda/context.h"
#include "dlengine/kernels/cuda/launch.h"
#include "dlengine/kernels/cuda/vec.cuh"
#include "dlengine/kernels/cuda/walk.cuh"
#include "dlengine/kernels/functors.h"

namespace dlengine::cuda {

namespace {

// A row-major tensor [outer, size, inner] around one axis.
struct Lines {
  int64_t outer = 1, size, inner = 1;

  Lines(const Shape& shape, int axis) : size(shape[axis]) {
    for (int i = 0; i < axis; ++i) outer *= shape[i];
    for (int i = axis + 1; i < shape.rank(); ++i) inner *= shape[i];
  }
  int64_t count() const { return outer * inner; }
  DLENGINE_HOST_DEVICE int64_t numel() const { return outer * size * inner; }
};

// A block for each line, which it goes through in tiles of kThreads elements: within a tile every thread adds
// what is 1, 2, 4, ... places before it.
template <typename T>
__global__ void cumsum_kernel(Lines lines, bool reverse, const T* x, T* y) {
  using A = Accumulate<T>;
  DLENGINE_SHARED(A, sums, [kThreads]);
  const Split line = split(blockIdx.x, lines.inner);
  const int64_t start = line.quotient * lines.size * lines.inner + line.rest;
  const unsigned thread = threadIdx.x;
  A before(0);  // the sum of the tiles so far
  for (int64_t first = 0; first < lines.size; first += kThreads) {
    const int64_t i = first + thread, k = reverse ? lines.size - 1 - i : i;
    A sum = i < lines.size ? A(widen(x[start + k * lines.inner])) : A(0);
    for (unsigned distance = 1; distance < kThreads; distance *= 2) {
      sums[thread] = sum;
      __syncthreads();
      if (thread >= distance) sum = Add::value(sums[thread - distance], sum);
      __syncthreads();
    }
    sum = Add::value(before, sum);
    if (i < lines.size) y[start + k * lines.inner] = narrow<T>(sum);
    sums[thread] = sum;
    __syncthreads();
    before = sums[kThreads - 1];
    __syncthreads();
  }
}

// How many of the elements from .. end - 1 of a sorted run come before an element with this value, which is
// in the run before it (equal ones come after it) or behind it.
template <typename Place, typename A, typename ValueAt>
__device__ Place rank_in(Place from, Place end, A value, bool own_run_is_first, Before before,
                         const ValueAt& value_at) {
  Place low = from, high = end;
  while (low < high) {
    const Place middle = low + (high - low) / 2;
    const A other = value_at(middle);
    const bool comes_before = own_run_is_first ? before(other, value) : !before(value, other);
    if (comes_before) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low - from;
}

constexpr int kTile = 1024;  // elements that a block sorts
constexpr int kItems = kTile / kThreads;

// Every line begins with a run of `length` elements, a power of two, and has `per_line` of them, the last of
// which may be shorter. A tile holds as many as fill it.
struct Runs {
  int length = 1;
  int64_t per_line, count;

  explicit Runs(const Lines& lines) {
    while (length < kTile && length < lines.size) length *= 2;
    per_line = (lines.size + length - 1) / length;
    count = lines.count() * per_line;
  }
};

// What a place in the block's tile stands for: an element of a run, or nothing.
struct Slot {
  int64_t start, i;  // where its line begins, and its place on the line
  int end;           // of its run's elements in the tile

  __device__ Slot(const Lines& lines, const Runs& runs, int slot) {
    const int64_t run = int64_t{blockIdx.x} * (kTile / runs.length) + slot / runs.length;
    const Split line = split(run, runs.per_line);
    const Split outer = split(line.quotient, lines.inner);
    const int64_t first = line.rest * runs.length;
    start = outer.quotient * lines.size * lines.inner + outer.rest;
    i = first + slot % runs.length;
    const int begin = slot / runs.length * runs.length;
    end = run < runs.count ? begin + int(min(int64_t{runs.length}, lines.size - first)) : begin;
  }
};

// Sorts every run by itself: to[i] are the positions on the line.
template <typename T>
__global__ void sort_runs_kernel(Lines lines, Runs runs, Before before, const T* x, int64_t* to) {
  using A = Accumulate<T>;
  DLENGINE_SHARED(A, values, [kTile]);
  DLENGINE_SHARED(int, sources, [kTile]);  // where the value was in the tile
  int ends[kItems];
#pragma unroll
  for (int item = 0; item < kItems; ++item) {
    const int slot = item * kThreads + int(threadIdx.x);
    const Slot own(lines, runs, slot);
    ends[item] = own.end;
    if (slot >= own.end) continue;
    values[slot] = widen(x[own.start + own.i * lines.inner]);
    sources[slot] = slot;
  }
  for (int width = 1; width < runs.length; width *= 2) {
    A value[kItems];
    int source[kItems], target[kItems];
    __syncthreads();
#pragma unroll
    for (int item = 0; item < kItems; ++item) {
      const int slot = item * kThreads + int(threadIdx.x), run = slot / width, end = ends[item];
      target[item] = -1;
      if (slot >= end) continue;
      value[item] = values[slot];
      source[item] = sources[slot];
      const bool is_first = run % 2 == 0;
      const int other = (is_first ? run + 1 : run - 1) * width;
      const int rank = rank_in(min(other, end), min(other + width, end), value[item], is_first, before,
                               [&](int place) { return values[place]; });
      target[item] = run / 2 * 2 * width + slot % width + rank;
    }
    __syncthreads();
#pragma unroll
    for (int item = 0; item < kItems; ++item) {
      if (target[item] < 0) continue;
      values[target[item]] = value[item];
      sources[target[item]] = source[item];
    }
  }
  __syncthreads();
#pragma unroll
  for (int item = 0; item < kItems; ++item) {
    const int slot = item * kThreads + int(threadIdx.x);
    if (slot >= ends[item]) continue;
    const Slot own(lines, runs, slot);
    to[own.start + own.i * lines.inner] = own.i - slot + sources[slot];
  }
}

// Merges neighbouring sorted runs of `width` positions: each thread finds where its element goes.
template <typename T>
__global__ void merge_kernel(Lines lines, int64_t width, Before before, const T* x, const int64_t* from,
                             int64_t* to) {
  const int64_t element = thread_number();
  if (element >= lines.numel()) return;
  const Split inner = split(element, lines.inner);
  const Split outer = split(inner.quotient, lines.size);
  const int64_t start = outer.quotient * lines.size * lines.inner + inner.rest, i = outer.rest;
  const auto position_at = [&](int64_t k) { return from[start + k * lines.inner]; };
  const auto value_at = [&](int64_t k) { return widen(x[start + position_at(k) * lines.inner]); };
  const Split run = split(i, width);
  const bool is_first = run.quotient % 2 == 0;
  const int64_t other = (is_first ? run.quotient + 1 : run.quotient - 1) * width;
  const int64_t other_end = min(other + width, lines.size);
  const int64_t rank = rank_in(min(other, lines.size), other_end, value_at(i), is_first, before, value_at);
  const int64_t pair = (is_first ? run.quotient : run.quotient - 1) * width;
  to[start + (pair + run.rest + rank) * lines.inner] = position_at(i);
}

}  // namespace

void CudaBackend::cumsum(const Tensor& x, int axis, bool reverse, Tensor& y) {
  const Lines lines(x.shape(), axis);
  if (x.numel() == 0) return;
  const Tensor packed = dense(x, ImageLayout::row_major);
  visit_numeric(x.dtype(), "cumsum", [&]<typename T>(Type<T>) {
    DLENGINE_LAUNCH(cumsum_kernel<T>, unsigned(lines.count()), kThreads, 0, enter(y.device()), lines, reverse,
                    static_cast<const T*>(packed.raw()), static_cast<T*>(y.raw()));
  });
}

void CudaBackend::argsort(const Tensor& x, int axis, bool descending, Tensor& y) {
  const Lines lines(x.shape(), axis);
  if (x.numel() == 0) return;
  const Runs runs(lines);
  const Tensor packed = dense(x, ImageLayout::row_major);
  int merges = 0;
  for (int64_t width = runs.length; width < lines.size; width *= 2) ++merges;
  const Scratch scratch(merges > 0 ? size_t(lines.numel()) * sizeof(int64_t) : 0, x.device());
  int64_t* const buffers[] = {y.data<int64_t>(), static_cast<int64_t*>(scratch.data())};
  const Before before{descending};
  const cudaStream_t stream = enter(y.device());
  visit_numeric(x.dtype(), "argsort", [&]<typename T>(Type<T>) {
    const auto* values = static_cast<const T*>(packed.raw());
    int64_t* from = buffers[merges % 2];  // the last one is y
    DLENGINE_LAUNCH(sort_runs_kernel<T>, blocks_for(runs.count, kTile / runs.length), kThreads, 0, stream,
                    lines, runs, before, values, from);
    for (int64_t width = runs.length; width < lines.size; width *= 2) {
      int64_t* const to = buffers[--merges % 2];
      DLENGINE_LAUNCH(merge_kernel<T>, blocks_for(lines.numel(), kThreads), kThreads, 0, stream, lines, width,
                      before, values, from, to);
      from = to;
    }
  });
}

}  // namespace dlengine::cuda

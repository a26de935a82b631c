// Elements in kernels: 16-byte groups of them, and the step between their storage and their computing type.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstddef>
#include <cstdint>

#include "dlengine/core/dtype.h"

namespace dlengine::cuda {

/// kWidth neighbours, read and written at once in pieces of up to 16 bytes.
template <typename T, int kWidth>
struct alignas(sizeof(T) * kWidth < 16 ? sizeof(T) * kWidth : 16) Vec {
  T lane[kWidth];
};

template <typename T, int kWidth>
__device__ Vec<T, kWidth> load_vec(const T* address) {
  return *reinterpret_cast<const Vec<T, kWidth>*>(address);
}
template <typename T, int kWidth>
__device__ void store_vec(T* address, const Vec<T, kWidth>& value) {
  *reinterpret_cast<Vec<T, kWidth>*>(address) = value;
}

/// True if all the addresses are multiples of 16.
template <typename... P>
bool aligned16(const P*... addresses) {
  return ((reinterpret_cast<uintptr_t>(addresses) % 16 == 0) && ...);
}

/// Bytes that can be moved at once: a power of two that divides a row and both addresses, at most 16.
inline size_t word_bytes(size_t row_bytes, const void* x, const void* y) {
  const size_t all = row_bytes | reinterpret_cast<uintptr_t>(x) | reinterpret_cast<uintptr_t>(y) | 16;
  return all & (~all + 1);
}

/// Calls f(Type<T>{}) with the unsigned type of that size, for moving elements of any type.
template <typename F>
void visit_bits(size_t element_bytes, F&& f) {
  switch (element_bytes) {
    case 1: return f(Type<uint8_t>{});
    case 2: return f(Type<uint16_t>{});
    case 4: return f(Type<uint32_t>{});
    default: return f(Type<uint64_t>{});
  }
}

/// To the computing type, by the hardware's instruction for 16-bit floats.
template <typename T>
__device__ Accumulate<T> widen(T value) {
  return value;
}
template <>
__device__ inline float widen(Half value) {
  return __half2float(__ushort_as_half(value.bits));
}
template <>
__device__ inline float widen(BFloat16 value) {
  return __bfloat162float(__ushort_as_bfloat16(value.bits));
}

/// To the storage type, rounded to nearest.
template <typename T>
__device__ T narrow(Accumulate<T> value) {
  return value;
}
template <>
__device__ inline Half narrow<Half>(float value) {
  Half half;
  half.bits = __half_as_ushort(__float2half_rn(value));
  return half;
}
template <>
__device__ inline BFloat16 narrow<BFloat16>(float value) {
  BFloat16 half;
  half.bits = __bfloat16_as_ushort(__float2bfloat16_rn(value));
  return half;
}

}  // namespace dlengine::cuda

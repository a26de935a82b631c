// CUDA's device code for g++: included before everything else where a .cu file is compiled for the emulated
// device. What it defines has CUDA's names and meaning; CUDA's own headers make __global__ and its like
// empty.
#pragma once

#include <cuda_runtime_api.h>
#include <math.h>
#include <vector_functions.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <functional>
#include <tuple>
#include <type_traits>
#include <utility>

#include "tests/emulator/kernels/grid.h"
#include "tests/emulator/kernels/kernel_api.h"

/// Tells launch.h that all of this is here.
#define DLENGINE_EMULATED_DEVICE

/// Functions of the emulation are no part of the kernel, so their accesses are not checked.
#define DLENGINE_UNCHECKED __attribute__((no_sanitize("thread"))) inline

/// Shared memory is declared by DLENGINE_SHARED.
#undef __shared__
#define __shared__ use_DLENGINE_SHARED_instead
#undef __launch_bounds__
#define __launch_bounds__(...)

#define DLENGINE_SHARED(type, name, dims)                      \
  static const char name##_key = 0;                            \
  auto& name = *static_cast<std::type_identity_t<type dims>*>( \
      ::dlengine::emulator::shared_array(&name##_key, #name, sizeof(type dims)))
#define DLENGINE_DYN_SHARED(type, name) \
  type* const name = static_cast<type*>(::dlengine::emulator::dynamic_shared_array())

#define threadIdx (::dlengine::emulator::thread_index())
#define blockIdx (::dlengine::emulator::block_index())
#define blockDim (::dlengine::emulator::block_size())
#define gridDim (::dlengine::emulator::grid_size())
inline constexpr int warpSize = 32;

// --- Barriers and fences ---

#define DLENGINE_FROM_HERE const char *file = __builtin_FILE(), int line = __builtin_LINE()

DLENGINE_UNCHECKED void __syncthreads(DLENGINE_FROM_HERE) {
  dlengine::emulator::wait_at_barrier(false, {"__syncthreads", file, line});
}
DLENGINE_UNCHECKED int __syncthreads_count(int predicate, DLENGINE_FROM_HERE) {
  return int(dlengine::emulator::wait_at_barrier(predicate != 0, {"__syncthreads_count", file, line}));
}
DLENGINE_UNCHECKED int __syncthreads_or(int predicate, DLENGINE_FROM_HERE) {
  return dlengine::emulator::wait_at_barrier(predicate != 0, {"__syncthreads_or", file, line}) > 0;
}
DLENGINE_UNCHECKED int __syncthreads_and(int predicate, DLENGINE_FROM_HERE) {
  return dlengine::emulator::wait_at_barrier(predicate == 0, {"__syncthreads_and", file, line}) == 0;
}
inline void __threadfence() { dlengine::emulator::memory_fence(); }

// --- Warps ---

namespace dlengine::emulator {

using Kind = WarpCall::Kind;

/// Sends a value of up to 8 bytes to where `source` says.
template <typename T>
DLENGINE_UNCHECKED T shuffle(uint32_t mask, T value, uint32_t source, const Site& site) {
  static_assert(std::is_arithmetic_v<T> && sizeof(T) <= 8, "shuffles move numbers");
  uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof(T));
  bits = warp_call({Kind::shuffle, mask, bits, source, site});
  std::memcpy(&value, &bits, sizeof(T));
  return value;
}

/// The lane if it is in the caller's group of `width` lanes and not above it, else the caller's own.
DLENGINE_UNCHECKED uint32_t lane_in_group(int lane, int width) {
  const int own = int(lane_number()), first = own & ~(width - 1);
  return uint32_t(lane >= first && lane < first + width ? lane : own);
}

}  // namespace dlengine::emulator

template <typename T>
DLENGINE_UNCHECKED T __shfl_sync(unsigned mask, T value, int lane, int width = warpSize, DLENGINE_FROM_HERE) {
  const int first = int(dlengine::emulator::lane_number()) & ~(width - 1);
  return dlengine::emulator::shuffle(mask, value, uint32_t(first + (lane & (width - 1))),
                                     {"__shfl_sync", file, line});
}
template <typename T>
DLENGINE_UNCHECKED T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = warpSize,
                                    DLENGINE_FROM_HERE) {
  const int lane = int(dlengine::emulator::lane_number()) - int(delta);
  return dlengine::emulator::shuffle(mask, value, dlengine::emulator::lane_in_group(lane, width),
                                     {"__shfl_up_sync", file, line});
}
template <typename T>
DLENGINE_UNCHECKED T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = warpSize,
                                      DLENGINE_FROM_HERE) {
  const int lane = int(dlengine::emulator::lane_number() + delta);
  return dlengine::emulator::shuffle(mask, value, dlengine::emulator::lane_in_group(lane, width),
                                     {"__shfl_down_sync", file, line});
}
template <typename T>
DLENGINE_UNCHECKED T __shfl_xor_sync(unsigned mask, T value, int flip, int width = warpSize,
                                     DLENGINE_FROM_HERE) {
  const int own = int(dlengine::emulator::lane_number()), lane = own ^ flip;
  const int end = (own & ~(width - 1)) + width;  // of the group; earlier groups may be read
  return dlengine::emulator::shuffle(mask, value, uint32_t(lane < end ? lane : own),
                                     {"__shfl_xor_sync", file, line});
}

DLENGINE_UNCHECKED unsigned __ballot_sync(unsigned mask, int predicate, DLENGINE_FROM_HERE) {
  return unsigned(dlengine::emulator::warp_call(
      {dlengine::emulator::Kind::vote, mask, predicate != 0, 0, {"__ballot_sync", file, line}}));
}
DLENGINE_UNCHECKED int __any_sync(unsigned mask, int predicate, DLENGINE_FROM_HERE) {
  return dlengine::emulator::warp_call(
             {dlengine::emulator::Kind::vote, mask, predicate != 0, 0, {"__any_sync", file, line}}) != 0;
}
DLENGINE_UNCHECKED int __all_sync(unsigned mask, int predicate, DLENGINE_FROM_HERE) {
  return dlengine::emulator::warp_call(
             {dlengine::emulator::Kind::vote, mask, predicate == 0, 0, {"__all_sync", file, line}}) == 0;
}
DLENGINE_UNCHECKED void __syncwarp(unsigned mask = 0xffffffffu, DLENGINE_FROM_HERE) {
  dlengine::emulator::warp_call({dlengine::emulator::Kind::sync, mask, 0, 0, {"__syncwarp", file, line}});
}

// --- Atomics: threads of the device take turns, so plain code is atomic. Not inlined, so that their return
// addresses are lines of kernels. ---

namespace dlengine::emulator {

/// Replaces *address by f(*address) and returns what was there.
template <typename T, typename F>
DLENGINE_UNCHECKED T change(T* address, const void* place, F&& f) {
  check_atomic(address, sizeof(T), place);
  const T before = *address;
  *address = f(before);
  return before;
}

}  // namespace dlengine::emulator

template <typename T>
[[gnu::noinline]] DLENGINE_UNCHECKED T atomicAdd(T* address, std::type_identity_t<T> value) {
  return dlengine::emulator::change(address, __builtin_return_address(0),
                                    [=](T before) { return T(before + value); });
}
template <typename T>
[[gnu::noinline]] DLENGINE_UNCHECKED T atomicMax(T* address, std::type_identity_t<T> value) {
  return dlengine::emulator::change(address, __builtin_return_address(0),
                                    [=](T before) { return before < value ? value : before; });
}
template <typename T>
[[gnu::noinline]] DLENGINE_UNCHECKED T atomicMin(T* address, std::type_identity_t<T> value) {
  return dlengine::emulator::change(address, __builtin_return_address(0),
                                    [=](T before) { return value < before ? value : before; });
}
template <typename T>
[[gnu::noinline]] DLENGINE_UNCHECKED T atomicExch(T* address, std::type_identity_t<T> value) {
  return dlengine::emulator::change(address, __builtin_return_address(0), [=](T) { return value; });
}
template <typename T>
[[gnu::noinline]] DLENGINE_UNCHECKED T atomicCAS(T* address, std::type_identity_t<T> expected,
                                                 std::type_identity_t<T> value) {
  return dlengine::emulator::change(address, __builtin_return_address(0),
                                    [=](T before) { return before == expected ? value : before; });
}

// --- Numbers ---

template <typename T>
T __ldg(const T* address) {
  return *address;
}
template <typename A, typename B>
constexpr std::common_type_t<A, B> min(A a, B b) {
  return b < a ? b : a;
}
template <typename A, typename B>
constexpr std::common_type_t<A, B> max(A a, B b) {
  return a < b ? b : a;
}
inline int __popc(unsigned bits) { return __builtin_popcount(bits); }
inline unsigned __umulhi(unsigned a, unsigned b) { return unsigned(uint64_t{a} * b >> 32); }
inline float rsqrtf(float x) { return 1 / sqrtf(x); }
inline float __expf(float x) { return expf(x); }
inline float __logf(float x) { return logf(x); }
inline float __fdividef(float x, float y) { return x / y; }

// --- Launches ---

namespace dlengine::emulator {

template <typename... P>
struct KernelCall {
  void (*kernel)(P...);
  std::tuple<P...> arguments;

  __attribute__((no_sanitize("thread"))) static void run(const void* call) {
    const auto& [called, values] = *static_cast<const KernelCall*>(call);
    std::apply(
        [f = called](const P&... value) __attribute__((no_sanitize("thread"))) { f(value...); }, values);
  }
};

}  // namespace dlengine::emulator

namespace dlengine::cuda {

/// What launch.h, which has the type Launch, does by cudaLaunchKernel.
template <typename Launch, typename... P>
cudaError_t start_kernel(void (*kernel)(P...), const Launch& launch, const std::tuple<P...>& arguments) {
  const emulator::LaunchShape shape{launch.grid, launch.block, launch.shared};
  return emulator::launch_kernel(
      {launch.name, reinterpret_cast<const void*>(kernel)}, shape, launch.stream,
      [call = emulator::KernelCall<P...>{kernel, arguments}, name = launch.name, shape] {
        emulator::run_grid(name, shape, emulator::KernelCall<P...>::run, {&call, sizeof(call)});
      });
}

}  // namespace dlengine::cuda

// Copies between strides and types, and filling.
#include <limits>

#include "dlengine/kernels/cuda/backend_cuda.h"
#include "dlengine/kernels/cuda/map.cuh"
#include "dlengine/kernels/cuda/probe.h"

namespace dlengine::cuda {

namespace {

template <typename T>
struct Same {
  __device__ T operator()(T x) const { return x; }
};

// Device code may read constants, but not call the functions behind them.
template <typename T>
inline constexpr T kLow = std::numeric_limits<T>::min();
template <typename T>
inline constexpr T kHigh = std::numeric_limits<T>::max();

// Floating to integer truncates, and outside of the integer's range gives its nearest end (NaN: 0); to bool
// is != 0.
template <typename To, typename A>
DLENGINE_HOST_DEVICE Accumulate<To> converted(A value) {
  if constexpr (std::is_same_v<To, bool>) {
    return value != A(0);
  } else if constexpr (std::is_floating_point_v<A> && std::is_integral_v<To>) {
    constexpr A kAbove = A(2) * A(kHigh<To> / 2 + 1);  // one above the largest, exact
    if (!(value > A(kLow<To>))) return value != value ? To(0) : kLow<To>;
    return value >= kAbove ? kHigh<To> : To(value);
  } else {
    return static_cast<Accumulate<To>>(value);
  }
}

template <typename From, typename To>
struct Convert {
  __device__ To operator()(From x) const { return narrow<To>(converted<To>(widen(x))); }
};

template <typename T>
struct Constant {
  T value;
  __device__ T operator()() const { return value; }
};

// True if x and y hold the same elements in the same places, one after the other.
bool same_bytes(const Tensor& x, const Tensor& y) {
  return x.dtype() == y.dtype() && StridedWalk<2>({&y, &x}, WalkOrder::memory).is_flat();
}

}  // namespace

void CudaBackend::copy(const Tensor& x, Tensor& y) {
  if (x.numel() == 0) return;
  if (same_bytes(x, y)) {
    const size_t bytes = size_t(x.numel()) * size_of(x.dtype());
    return DLENGINE_CUDA_CHECK(
        cudaMemcpyAsync(y.raw(), x.raw(), bytes, cudaMemcpyDeviceToDevice, enter(x.device())));
  }
  if (x.dtype() == y.dtype()) {
    return visit_bits(size_of(x.dtype()), [&]<typename T>(Type<T>) { map<T, T>(Same<T>{}, y, x); });
  }
  visit(x.dtype(), [&]<typename From>(Type<From>) {
    visit(y.dtype(), [&]<typename To>(Type<To>) {
      if constexpr (!std::is_same_v<From, To>) map<To, From>(Convert<From, To>{}, y, x);
    });
  });
}

void CudaBackend::fill(Tensor& y, double value) {
  visit(y.dtype(), [&]<typename T>(Type<T>) { map<T>(Constant<T>{T(converted<T>(value))}, y); });
}

cudaError_t probe_kernel_image() {
  cudaFuncAttributes attributes{};
  return cudaFuncGetAttributes(&attributes,
                               reinterpret_cast<const void*>(dense_map_kernel<Constant<float>, float>));
}

}  // namespace dlengine::cuda

// Functions of one element. Their maths is in kernels/unary_functors.h and activation_functors.h.
#include <type_traits>

#include "dlengine/core/image_layout.h"
#include "dlengine/kernels/cuda/backend_cuda.h"
#include "dlengine/kernels/cuda/map.cuh"
#include "dlengine/kernels/functors.h"

namespace dlengine::cuda {

namespace {

template <typename F, typename T>
struct UnaryValue {
  F f;
  __device__ T operator()(T x) const { return narrow<T>(f.value(widen(x))); }
};

template <typename F, typename T>
struct UnaryGrad {
  F f;
  __device__ T operator()(T saved, T dy) const { return narrow<T>(widen(dy) * f.slope(widen(saved))); }
};

}  // namespace

void CudaBackend::unary(const Unary& f, const Tensor& x, Tensor& y) {
  const Tensor packed = dense(x, ImageLayout::row_major);
  visit_numeric(x.dtype(), "unary", [&]<typename T>(Type<T>) {
    visit_unary<Accumulate<T>>(f, [&]<typename F>(const F& function) {
      if constexpr (std::is_integral_v<T> && !TakesIntegers<F>) {
        throw_unsupported_dtype("unary", x.dtype(), "a floating type");
      } else {
        map_dense<T, T>(UnaryValue<F, T>{function}, y, packed);
      }
    });
  });
}

void CudaBackend::unary_grad(const Unary& f, const Tensor& saved, const Tensor& dy, Tensor& dx) {
  const Tensor packed = dense(saved, ImageLayout::row_major), packed_dy = dense(dy, ImageLayout::row_major);
  visit_floating(dy.dtype(), "unary_grad", [&]<typename T>(Type<T>) {
    visit_unary<Accumulate<T>>(f, [&]<typename F>(const F& function) {
      map_dense<T, T, T>(UnaryGrad<F, T>{function}, dx, packed, packed_dy);
    });
  });
}

}  // namespace dlengine::cuda

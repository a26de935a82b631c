// Functions of two elements, and elementwise operations that are no functions of one; their maths is in
// kernels/functors.h.
#include <cmath>

#include "dlengine/core/image_layout.h"
#include "dlengine/kernels/cuda/backend_cuda.h"
#include "dlengine/kernels/cuda/map.cuh"
#include "dlengine/kernels/functors.h"

namespace dlengine::cuda {

namespace {

template <typename T>
struct ReluGrad {
  ReluMask<Accumulate<T>> mask;
  __device__ T operator()(T y, T dy) const { return narrow<T>(mask(widen(y), widen(dy))); }
};

template <typename T>
struct ScaleShiftOf {
  ScaleShift<Accumulate<T>> f;
  __device__ T operator()(T x) const { return narrow<T>(f(widen(x))); }
};

template <typename Op, typename T>
struct Binary {
  __device__ T operator()(T a, T b) const { return narrow<T>(Op::value(widen(a), widen(b))); }
};

// A comparison as a table of what it says when a is less than b, equal, greater or neither (NaN): one kernel
// for all.
template <typename T>
struct Compare {
  bool less, equal, greater, unordered;
  template <typename Op>
  explicit Compare(Op)
      : less(Op::value(0.0f, 1.0f)),
        equal(Op::value(0.0f, 0.0f)),
        greater(Op::value(1.0f, 0.0f)),
        unordered(Op::value(std::nanf(""), 0.0f)) {}
  __device__ bool operator()(T x, T y) const {
    const Accumulate<T> a = widen(x), b = widen(y);
    return a < b ? less : a == b ? equal : a > b ? greater : unordered;
  }
};

template <typename T>
struct Select {
  __device__ T operator()(bool condition, T a, T b) const { return condition ? a : b; }
};

}  // namespace

void CudaBackend::relu_grad(const Tensor& y, const Tensor& dy, double scale, Tensor& dx) {
  const Tensor dense_y = dense(y, ImageLayout::row_major), dense_dy = dense(dy, ImageLayout::row_major);
  visit_floating(dy.dtype(), "relu_grad", [&]<typename T>(Type<T>) {
    map_dense<T, T, T>(ReluGrad<T>{{Accumulate<T>(scale)}}, dx, dense_y, dense_dy);
  });
}

void CudaBackend::scale_shift(const Tensor& x, double scale, double shift, Tensor& y) {
  const Tensor packed = dense(x, ImageLayout::row_major);
  visit_numeric(x.dtype(), "scale_shift", [&]<typename T>(Type<T>) {
    map_dense<T, T>(ScaleShiftOf<T>{{scale, shift}}, y, packed);
  });
}

void CudaBackend::binary(BinaryOp op, const Tensor& a, const Tensor& b, Tensor& y) {
  visit(op, [&]<typename Op>(Op) {
    const auto run = [&]<typename T>(Type<T>) { map<T, T, T>(Binary<Op, T>{}, y, a, b); };
    if constexpr (std::is_same_v<Op, Pow>) {
      visit_floating(a.dtype(), "pow", run);
    } else {
      visit_numeric(a.dtype(), "binary", run);
    }
  });
}

void CudaBackend::compare(CompareOp op, const Tensor& a, const Tensor& b, Tensor& y) {
  visit(op, [&]<typename Op>(Op) {
    visit(a.dtype(), [&]<typename T>(Type<T>) { map<bool, T, T>(Compare<T>(Op{}), y, a, b); });
  });
}

void CudaBackend::where(const Tensor& condition, const Tensor& a, const Tensor& b, Tensor& y) {
  visit_bits(size_of(y.dtype()),
             [&]<typename T>(Type<T>) { map<T, bool, T, T>(Select<T>{}, y, condition, a, b); });
}

}  // namespace dlengine::cuda

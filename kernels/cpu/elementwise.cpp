// Elementwise operations that are neither functions of one element nor of two.
#include "dlengine/core/dtype.h"
#include "dlengine/kernels/cpu/backend_cpu.h"
#include "dlengine/kernels/cpu/map.h"
#include "dlengine/kernels/functors.h"

namespace dlengine {

void CpuBackend::relu_grad(const Tensor& y, const Tensor& dy, double scale, Tensor& dx) {
  visit_floating(dy.dtype(), "relu_grad", [&]<typename T>(Type<T>) {
    using A = Accumulate<T>;
    map<T, T, T>([mask = ReluMask<A>{A(scale)}](T r, T d) { return T(mask(A(r), A(d))); }, dx, y, dy);
  });
}

void CpuBackend::scale_shift(const Tensor& x, double scale, double shift, Tensor& y) {
  visit_numeric(x.dtype(), "scale_shift", [&]<typename T>(Type<T>) {
    using A = Accumulate<T>;
    map<T, T>([f = ScaleShift<A>(scale, shift)](T v) { return T(f(A(v))); }, y, x);
  });
}

void CpuBackend::where(const Tensor& condition, const Tensor& a, const Tensor& b, Tensor& y) {
  visit_bits(y.dtype(), [&]<typename T>(Type<T>) {
    map<T, bool, T, T>([](bool c, T p, T q) { return c ? p : q; }, y, condition, a, b);
  });
}

}  // namespace dlengine

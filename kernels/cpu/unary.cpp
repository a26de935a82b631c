// Functions of one element. Their maths is in kernels/unary_functors.h and activation_functors.h.
#include <type_traits>

#include "dlengine/core/dtype.h"
#include "dlengine/kernels/cpu/backend_cpu.h"
#include "dlengine/kernels/cpu/map.h"
#include "dlengine/kernels/functors.h"

namespace dlengine {

void CpuBackend::unary(const Unary& f, const Tensor& x, Tensor& y) {
  visit_numeric(x.dtype(), "unary", [&]<typename T>(Type<T>) {
    using A = Accumulate<T>;
    visit_unary<A>(f, [&]<typename F>(const F& function) {
      if constexpr (std::is_integral_v<T> && !TakesIntegers<F>) {
        throw_unsupported_dtype("unary", x.dtype(), "a floating type");
      } else {
        map<T, T>([function](T v) { return T(function.value(A(v))); }, y, x);
      }
    });
  });
}

void CpuBackend::unary_grad(const Unary& f, const Tensor& saved, const Tensor& dy, Tensor& dx) {
  visit_floating(dy.dtype(), "unary_grad", [&]<typename T>(Type<T>) {
    using A = Accumulate<T>;
    visit_unary<A>(f, [&](const auto& function) {
      map<T, T, T>([function](T s, T d) { return T(A(d) * function.slope(A(s))); }, dx, saved, dy);
    });
  });
}

}  // namespace dlengine

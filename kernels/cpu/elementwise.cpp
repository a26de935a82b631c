// Functions of single elements. The maths is in kernels/functors.h.
#include <concepts>

#include "dlengine/core/dtype.h"
#include "dlengine/kernels/cpu/backend_cpu.h"
#include "dlengine/kernels/cpu/map.h"
#include "dlengine/kernels/functors.h"

namespace dlengine {

namespace {

/// Functions that integers have too.
template <typename F>
constexpr bool kTakesIntegers = std::same_as<F, Abs> || std::same_as<F, Square> || std::same_as<F, Sign>;

template <typename F, typename T>
void map_unary(const Tensor& x, Tensor& y) {
  using A = Accumulate<T>;
  map<T, T>([](T v) { return T(F::value(A(v))); }, y, x);
}

template <typename F, typename T>
void map_unary_grad(const Tensor& saved, const Tensor& dy, Tensor& dx) {
  using A = Accumulate<T>;
  map<T, T, T>([](T s, T d) { return T(A(d) * F::slope(A(s))); }, dx, saved, dy);
}

}  // namespace

void CpuBackend::unary(const Unary& f, const Tensor& x, Tensor& y) {
  visit(f.op, [&]<typename F>(F) {
    if constexpr (kTakesIntegers<F>) {
      visit_numeric(x.dtype(), "unary", [&]<typename T>(Type<T>) { map_unary<F, T>(x, y); });
    } else {
      visit_floating(x.dtype(), "unary", [&]<typename T>(Type<T>) { map_unary<F, T>(x, y); });
    }
  });
}

void CpuBackend::unary_grad(const Unary& f, const Tensor& saved, const Tensor& dy, Tensor& dx) {
  visit(f.op, [&]<typename F>(F) {
    visit_floating(dy.dtype(), "unary_grad",
                   [&]<typename T>(Type<T>) { map_unary_grad<F, T>(saved, dy, dx); });
  });
}

void CpuBackend::relu_grad(const Tensor& y, const Tensor& dy, double scale, Tensor& dx) {
  visit_floating(dy.dtype(), "relu_grad", [&]<typename T>(Type<T>) {
    using A = Accumulate<T>;
    map<T, T, T>([mask = ReluMask<A>{A(scale)}](T r, T d) { return T(mask(A(r), A(d))); }, dx, y, dy);
  });
}

void CpuBackend::scale_shift(const Tensor& x, double scale, double shift, Tensor& y) {
  visit_numeric(x.dtype(), "scale_shift", [&]<typename T>(Type<T>) {
    using A = Accumulate<T>;
    map<T, T>([a = A(scale), b = A(shift)](T v) { return T(A(v) * a + b); }, y, x);
  });
}

void CpuBackend::where(const Tensor& condition, const Tensor& a, const Tensor& b, Tensor& y) {
  visit_bits(y.dtype(), [&]<typename T>(Type<T>) {
    map<T, bool, T, T>([](bool c, T p, T q) { return c ? p : q; }, y, condition, a, b);
  });
}

}  // namespace dlengine

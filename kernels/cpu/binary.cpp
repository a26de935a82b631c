// Functions of two elements. The maths is in kernels/functors.h.
#include "dlengine/core/dtype.h"
#include "dlengine/kernels/cpu/backend_cpu.h"
#include "dlengine/kernels/cpu/map.h"
#include "dlengine/kernels/functors.h"

namespace dlengine {

void CpuBackend::binary(BinaryOp op, const Tensor& a, const Tensor& b, Tensor& y) {
  visit(op, [&]<typename F>(F) {
    visit_numeric(y.dtype(), "binary", [&]<typename T>(Type<T>) {
      using A = Accumulate<T>;
      map<T, T, T>([](T p, T q) { return T(F::value(A(p), A(q))); }, y, a, b);
    });
  });
}

void CpuBackend::compare(CompareOp op, const Tensor& a, const Tensor& b, Tensor& y) {
  visit(op, [&]<typename F>(F) {
    visit(a.dtype(), [&]<typename T>(Type<T>) {
      using A = Accumulate<T>;
      map<bool, T, T>([](T p, T q) { return F::value(A(p), A(q)); }, y, a, b);
    });
  });
}

}  // namespace dlengine

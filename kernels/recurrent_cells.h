// The cells of recurrent layers, once for every device: what one unit of one row does in a step. Their
// formulas are at Backend::lstm_cell() and gru_cell(); arrays are row-major, units is H.
#pragma once

#include <cstdint>

#include "dlengine/core/dtype.h"
#include "dlengine/core/host_device.h"
#include "dlengine/kernels/functors.h"

namespace dlengine {

/// Where unit i of [N, H] has its first gate in [N, gates * H]; the next ones follow H apart.
DLENGINE_HOST_DEVICE inline int64_t first_gate(int64_t i, int64_t units, int gates) {
  return i + i / units * units * (gates - 1);
}

template <typename T>
struct LstmCell {
  int64_t units;
  const T *gates, *c0;
  T *saved, *c, *h;

  DLENGINE_HOST_DEVICE void operator()(int64_t at) const {
    using A = Accumulate<T>;
    const int64_t gate = first_gate(at, units, 4);
    const A i = Sigmoid::value(A(gates[gate])), f = Sigmoid::value(A(gates[gate + units]));
    const A g = Tanh::value(A(gates[gate + 2 * units])), o = Sigmoid::value(A(gates[gate + 3 * units]));
    const A cell = f * A(c0[at]) + i * g;
    saved[gate] = T(i);
    saved[gate + units] = T(f);
    saved[gate + 2 * units] = T(g);
    saved[gate + 3 * units] = T(o);
    c[at] = T(cell);
    h[at] = T(o * Tanh::value(cell));
  }
};

template <typename T>
struct LstmCellGrad {
  int64_t units;
  const T *saved, *c0, *c, *dh, *dc;
  T *dgates, *dc0;

  DLENGINE_HOST_DEVICE void operator()(int64_t at) const {
    using A = Accumulate<T>;
    const int64_t gate = first_gate(at, units, 4);
    const A i = A(saved[gate]), f = A(saved[gate + units]);
    const A g = A(saved[gate + 2 * units]), o = A(saved[gate + 3 * units]);
    const A squashed = Tanh::value(A(c[at])), result = A(dh[at]);
    const A cell = A(dc[at]) + result * o * Tanh::slope(squashed);
    dgates[gate] = T(cell * g * Sigmoid::slope(i));
    dgates[gate + units] = T(cell * A(c0[at]) * Sigmoid::slope(f));
    dgates[gate + 2 * units] = T(cell * i * Tanh::slope(g));
    dgates[gate + 3 * units] = T(result * squashed * Sigmoid::slope(o));
    dc0[at] = T(cell * f);
  }
};

template <typename T>
struct GruCell {
  int64_t units;
  const T *gx, *gh, *h0;
  T *saved, *h;

  DLENGINE_HOST_DEVICE void operator()(int64_t at) const {
    using A = Accumulate<T>;
    const int64_t gate = first_gate(at, units, 3), kept = first_gate(at, units, 4);
    const A r = Sigmoid::value(A(gx[gate]) + A(gh[gate]));
    const A z = Sigmoid::value(A(gx[gate + units]) + A(gh[gate + units]));
    const A from_h = A(gh[gate + 2 * units]);
    const A n = Tanh::value(A(gx[gate + 2 * units]) + r * from_h);
    saved[kept] = T(r);
    saved[kept + units] = T(z);
    saved[kept + 2 * units] = T(n);
    saved[kept + 3 * units] = T(from_h);
    h[at] = T((A(1) - z) * n + z * A(h0[at]));
  }
};

template <typename T>
struct GruCellGrad {
  int64_t units;
  const T *saved, *h0, *dh;
  T *dgx, *dgh, *dh0;

  DLENGINE_HOST_DEVICE void operator()(int64_t at) const {
    using A = Accumulate<T>;
    const int64_t gate = first_gate(at, units, 3), kept = first_gate(at, units, 4);
    const A r = A(saved[kept]), z = A(saved[kept + units]), n = A(saved[kept + 2 * units]);
    const A from_h = A(saved[kept + 3 * units]), result = A(dh[at]);
    const A new_slope = result * (A(1) - z) * Tanh::slope(n);
    const A reset_slope = new_slope * from_h * Sigmoid::slope(r);
    const A update_slope = result * (A(h0[at]) - n) * Sigmoid::slope(z);
    dgx[gate] = dgh[gate] = T(reset_slope);
    dgx[gate + units] = dgh[gate + units] = T(update_slope);
    dgx[gate + 2 * units] = T(new_slope);
    dgh[gate + 2 * units] = T(new_slope * r);
    dh0[at] = T(result * z);
  }
};

}  // namespace dlengine

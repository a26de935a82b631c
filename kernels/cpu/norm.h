// Internal: what the loops of batch norm read and write.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "dlengine/core/dtype.h"
#include "dlengine/core/shape.h"

namespace dlengine {

/// x [N, C, ...] as N images of C channels of `length` elements.
struct NormSizes {
  int64_t images, channels, length = 1;

  explicit NormSizes(const Shape& x) : images(x[0]), channels(x[1]) {
    for (int axis = 2; axis < x.rank(); ++axis) length *= x[axis];
  }
  int64_t values() const { return images * length; }  // of one channel
};

template <typename T>
struct NormForward {
  using A = Accumulate<T>;
  const T* x = nullptr;
  const A* weight = nullptr;
  const A* bias = nullptr;
  A* running_mean = nullptr;  // null if not kept
  A* running_var = nullptr;
  double momentum = 0, eps = 0;
  T* y = nullptr;
  A* mean = nullptr;  // of the batch; only in training
  A* inv_std = nullptr;

  /// For a channel of `count` elements whose squared distances to their mean have this sum.
  void store_statistics(int64_t channel, int64_t count, A centre, A squares) const {
    mean[channel] = count == 0 ? A(0) : centre;
    inv_std[channel] = count == 0 ? A(0) : A(1) / std::sqrt(squares / A(count) + A(eps));
    if (!running_mean || count == 0) return;
    move_towards(running_mean[channel], centre);
    move_towards(running_var[channel], squares / std::max(A(count) - A(1), A(1)));
  }

 private:
  void move_towards(A& running, A value) const { running = A(1 - momentum) * running + A(momentum) * value; }
};

/// The result is (x - centre) * scale + shift.
template <typename A>
struct NormLine {
  A centre, scale, shift;

  template <typename T>
  static NormLine trained(const NormForward<T>& n, int64_t c) {
    return {n.mean[c], n.inv_std[c] * n.weight[c], n.bias[c]};
  }
  template <typename T>
  static NormLine running(const NormForward<T>& n, int64_t c) {
    const A inverse = A(1) / std::sqrt(n.running_var[c] + A(n.eps));
    return {n.running_mean[c], inverse * n.weight[c], n.bias[c]};
  }
};

template <typename T>
struct NormGrad {
  using A = Accumulate<T>;
  const T* x = nullptr;
  const A* weight = nullptr;
  const A* mean = nullptr;
  const A* inv_std = nullptr;
  const T* y = nullptr;  // of a batch norm that ends in relu; else not read
  const T* dy = nullptr;
  T* dx = nullptr;
  A* dweight = nullptr;
  A* dbias = nullptr;
};

/// The gradient is scale * (g - mean_gradient - (x - centre) * slope), g being that of the result before
/// relu.
template <typename A>
struct NormGradLine {
  A centre, scale, mean_gradient, slope;

  /// Of a channel of `count` elements whose dweight and dbias are there already.
  template <typename T>
  NormGradLine(const NormGrad<T>& n, int64_t c, int64_t count)
      : centre(n.mean[c]),
        scale(n.weight[c] * n.inv_std[c]),
        mean_gradient(n.dbias[c] / A(count)),
        slope(n.dweight[c] * n.inv_std[c] / A(count)) {}
};

}  // namespace dlengine

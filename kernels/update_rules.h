// The optimizers' formulas for one element, once for every device. T is float or double; coefficients that do
// not depend on the element are computed once per update, in double, on the device: a recorded update finds
// its learning rate and count there.
#pragma once

#include <cmath>

#include "dlengine/core/host_device.h"
#include "dlengine/core/op_params.h"

namespace dlengine {

/// Sutskever et al. 2013 (momentum, Nesterov) as PyTorch writes it, or as Keras does: v = momentum*v - lr*g.
template <typename T>
struct SgdRule {
  T lr, momentum, keep, weight_decay;  // keep: 1 - dampening
  bool nesterov, lr_in_velocity, first;

  SgdRule() = default;
  DLENGINE_HOST_DEVICE explicit SgdRule(const SgdStep& s)
      : momentum(T(s.momentum)),
        keep(T(1 - s.dampening)),
        weight_decay(T(s.weight_decay)),
        nesterov(s.nesterov),
        lr_in_velocity(s.lr_in_velocity) {
    const UpdateClock clock = s.clock.now();
    lr = T(clock.lr);
    first = s.starts_at_gradient && clock.step == 1;
  }

  /// Without momentum.
  DLENGINE_HOST_DEVICE void operator()(T& w, T g) const { w -= lr * (g + weight_decay * w); }

  DLENGINE_HOST_DEVICE void operator()(T& w, T g, T& v) const {
    g += weight_decay * w;
    if (lr_in_velocity) {
      v = momentum * v - lr * g;
      w += nesterov ? momentum * v - lr * g : v;
    } else {
      v = first ? g : momentum * v + keep * g;
      w -= lr * (nesterov ? g + momentum * v : v);
    }
  }
};

/// Tieleman and Hinton 2012.
template <typename T>
struct RmspropRule {
  T lr, rho, rest, eps, momentum, weight_decay;  // rest: 1 - rho
  bool eps_inside_root, lr_in_velocity;

  RmspropRule() = default;
  DLENGINE_HOST_DEVICE explicit RmspropRule(const RmspropStep& s)
      : lr(T(s.clock.now().lr)),
        rho(T(s.rho)),
        rest(T(1 - s.rho)),
        eps(T(s.eps)),
        momentum(T(s.momentum)),
        weight_decay(T(s.weight_decay)),
        eps_inside_root(s.eps_inside_root),
        lr_in_velocity(s.lr_in_velocity) {}

  DLENGINE_HOST_DEVICE T direction(T w, T& g, T& mean_square) const {
    g += weight_decay * w;
    mean_square = rho * mean_square + rest * g * g;
    return g / (eps_inside_root ? std::sqrt(mean_square + eps) : std::sqrt(mean_square) + eps);
  }
  /// Without momentum.
  DLENGINE_HOST_DEVICE void operator()(T& w, T g, T& mean_square) const {
    w -= lr * direction(w, g, mean_square);
  }
  DLENGINE_HOST_DEVICE void operator()(T& w, T g, T& mean_square, T& velocity) const {
    const T d = direction(w, g, mean_square);
    if (lr_in_velocity) {
      velocity = momentum * velocity + lr * d;
      w -= velocity;
    } else {
      velocity = momentum * velocity + d;
      w -= lr * velocity;
    }
  }
};

/// Kingma and Ba, arXiv:1412.6980; decoupled decay: Loshchilov and Hutter, arXiv:1711.05101.
template <typename T>
struct AdamRule {
  T beta1, rest1, beta2, rest2, eps, weight_decay, shrink, step_size, root_scale;
  bool decoupled;

  AdamRule() = default;
  DLENGINE_HOST_DEVICE explicit AdamRule(const AdamStep& s)
      : beta1(T(s.beta1)),
        rest1(T(1 - s.beta1)),
        beta2(T(s.beta2)),
        rest2(T(1 - s.beta2)),
        eps(T(s.eps)),
        weight_decay(T(s.weight_decay)),
        decoupled(s.decoupled_decay) {
    const auto [lr, step, live] = s.clock.now();
    shrink = T(1 - lr * s.weight_decay);
    const double c1 = 1 - std::pow(s.beta1, double(step));
    const double c2 = 1 - std::pow(s.beta2, double(step));
    // Torch: lr/c1 * m / (sqrt(v)/sqrt(c2) + eps). Keras: lr*sqrt(c2)/c1 * m / (sqrt(v) + eps).
    step_size = T(s.eps_on_corrected_root ? lr / c1 : lr * std::sqrt(c2) / c1);
    root_scale = T(s.eps_on_corrected_root ? 1 / std::sqrt(c2) : 1);
  }

  DLENGINE_HOST_DEVICE void operator()(T& w, T g, T& m, T& v) const {
    if (decoupled) {
      w *= shrink;
    } else {
      g += weight_decay * w;
    }
    m = beta1 * m + rest1 * g;
    v = beta2 * v + rest2 * g * g;
    w -= step_size * m / (std::sqrt(v) * root_scale + eps);
  }
};

}  // namespace dlengine

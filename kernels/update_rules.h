// The optimizers' formulas for one element, once for every device. T is float or double; coefficients that do
// not depend on the element are computed once per update, in double, on the device: a recorded update finds
// its learning rate and count there.
#pragma once

#include <cmath>

#include "dlengine/core/host_device.h"
#include "dlengine/core/op_params.h"
#include "dlengine/kernels/functors.h"

namespace dlengine {

/// Weight decay: a share of the weight is added to its gradient (L2), or, decoupled, taken off the weight by
/// lr times as much (Loshchilov and Hutter, arXiv:1711.05101).
template <typename T>
struct Decay {
  T amount, shrink;
  bool decoupled;

  Decay() = default;
  DLENGINE_HOST_DEVICE Decay(double weight_decay, bool is_decoupled, double lr)
      : amount(T(weight_decay)), shrink(T(1 - lr * weight_decay)), decoupled(is_decoupled) {}

  DLENGINE_HOST_DEVICE void operator()(T& w, T& g) const {
    if (decoupled) {
      w *= shrink;
    } else {
      g += amount * w;
    }
  }
};

/// Sutskever et al. 2013 (momentum, Nesterov) as PyTorch writes it, or as Keras does: v = momentum*v - lr*g.
template <typename T>
struct SgdRule {
  Decay<T> decay;
  T lr, momentum, keep;  // keep: 1 - dampening
  bool nesterov, lr_in_velocity, first;

  SgdRule() = default;
  DLENGINE_HOST_DEVICE explicit SgdRule(const SgdStep& s)
      : momentum(T(s.momentum)),
        keep(T(1 - s.dampening)),
        nesterov(s.nesterov),
        lr_in_velocity(s.lr_in_velocity) {
    const UpdateClock clock = s.clock.now();
    decay = Decay<T>(s.weight_decay, s.decoupled_decay, clock.lr);
    lr = T(clock.lr);
    first = s.starts_at_gradient && clock.step == 1;
  }

  /// Without momentum.
  DLENGINE_HOST_DEVICE void operator()(T& w, T g) const {
    decay(w, g);
    w -= lr * g;
  }

  DLENGINE_HOST_DEVICE void operator()(T& w, T g, T& v) const {
    decay(w, g);
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
  Decay<T> decay;
  T lr, rho, rest, eps, momentum;  // rest: 1 - rho
  bool eps_inside_root, lr_in_velocity;

  RmspropRule() = default;
  DLENGINE_HOST_DEVICE explicit RmspropRule(const RmspropStep& s)
      : rho(T(s.rho)),
        rest(T(1 - s.rho)),
        eps(T(s.eps)),
        momentum(T(s.momentum)),
        eps_inside_root(s.eps_inside_root),
        lr_in_velocity(s.lr_in_velocity) {
    const double rate = s.clock.now().lr;
    decay = Decay<T>(s.weight_decay, s.decoupled_decay, rate);
    lr = T(rate);
  }

  DLENGINE_HOST_DEVICE T direction(T& w, T g, T& mean_square) const {
    decay(w, g);
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

/// Kingma and Ba, arXiv:1412.6980.
template <typename T>
struct AdamRule {
  Decay<T> decay;
  T beta1, rest1, beta2, rest2, eps, step_size, root_scale;

  AdamRule() = default;
  DLENGINE_HOST_DEVICE explicit AdamRule(const AdamStep& s)
      : beta1(T(s.beta1)), rest1(T(1 - s.beta1)), beta2(T(s.beta2)), rest2(T(1 - s.beta2)), eps(T(s.eps)) {
    const UpdateClock clock = s.clock.now();
    const double lr = clock.lr;
    decay = Decay<T>(s.weight_decay, s.decoupled_decay, lr);
    const double c1 = 1 - std::pow(s.beta1, double(clock.step));
    const double c2 = 1 - std::pow(s.beta2, double(clock.step));
    // Torch: lr/c1 * m / (sqrt(v)/sqrt(c2) + eps). Keras: lr*sqrt(c2)/c1 * m / (sqrt(v) + eps).
    step_size = T(s.eps_on_corrected_root ? lr / c1 : lr * std::sqrt(c2) / c1);
    root_scale = T(s.eps_on_corrected_root ? 1 / std::sqrt(c2) : 1);
  }

  DLENGINE_HOST_DEVICE void operator()(T& w, T g, T& m, T& v) const {
    decay(w, g);
    m = beta1 * m + rest1 * g;
    v = beta2 * v + rest2 * g * g;
    w -= step_size * m / (std::sqrt(v) * root_scale + eps);
  }
};

/// Duchi, Hazan, Singer, JMLR 12, 2011.
template <typename T>
struct AdagradRule {
  Decay<T> decay;
  T step_size, eps;
  bool eps_inside_root;

  AdagradRule() = default;
  DLENGINE_HOST_DEVICE explicit AdagradRule(const AdagradStep& s)
      : eps(T(s.eps)), eps_inside_root(s.eps_inside_root) {
    const UpdateClock clock = s.clock.now();
    decay = Decay<T>(s.weight_decay, s.decoupled_decay, clock.lr);
    step_size = T(clock.lr / (1 + double(clock.step - 1) * s.lr_decay));
  }

  DLENGINE_HOST_DEVICE void operator()(T& w, T g, T& sum) const {
    decay(w, g);
    sum += g * g;
    w -= step_size * g / (eps_inside_root ? std::sqrt(sum + eps) : std::sqrt(sum) + eps);
  }
};

/// Zeiler, arXiv:1212.5701.
template <typename T>
struct AdadeltaRule {
  Decay<T> decay;
  T lr, rho, rest, eps;  // rest: 1 - rho

  AdadeltaRule() = default;
  DLENGINE_HOST_DEVICE explicit AdadeltaRule(const AdadeltaStep& s)
      : rho(T(s.rho)), rest(T(1 - s.rho)), eps(T(s.eps)) {
    const double rate = s.clock.now().lr;
    decay = Decay<T>(s.weight_decay, s.decoupled_decay, rate);
    lr = T(rate);
  }

  DLENGINE_HOST_DEVICE void operator()(T& w, T g, T& mean_square, T& mean_delta) const {
    decay(w, g);
    mean_square = rho * mean_square + rest * g * g;
    const T delta = std::sqrt(mean_delta + eps) / std::sqrt(mean_square + eps) * g;
    mean_delta = rho * mean_delta + rest * delta * delta;
    w -= lr * delta;
  }
};

/// Kingma and Ba, arXiv:1412.6980, section 7.1.
template <typename T>
struct AdamaxRule {
  Decay<T> decay;
  T beta1, rest1, beta2, step_size, eps_inside, eps_outside;

  AdamaxRule() = default;
  DLENGINE_HOST_DEVICE explicit AdamaxRule(const AdamaxStep& s)
      : beta1(T(s.beta1)),
        rest1(T(1 - s.beta1)),
        beta2(T(s.beta2)),
        eps_inside(T(s.eps_outside_max ? 0 : s.eps)),
        eps_outside(T(s.eps_outside_max ? s.eps : 0)) {
    const UpdateClock clock = s.clock.now();
    decay = Decay<T>(s.weight_decay, s.decoupled_decay, clock.lr);
    step_size = T(clock.lr / (1 - std::pow(s.beta1, double(clock.step))));
  }

  DLENGINE_HOST_DEVICE void operator()(T& w, T g, T& m, T& largest) const {
    decay(w, g);
    m = beta1 * m + rest1 * g;
    largest = Maximum::value(beta2 * largest, (g < 0 ? -g : g) + eps_inside);
    w -= step_size * m / (largest + eps_outside);
  }
};

/// NAdam's momentum at step t, and its product over t = 1 .. count. The product needs no loop over t, and so
/// no memory of the steps before: log(1 - x) = -(x + x^2/2 + x^3/3 + ...) with x = q^t / 2, q = 0.96^decay,
/// where the sums over t of every power are geometric.
struct NadamMomentum {
  double beta1, log_q;

  DLENGINE_HOST_DEVICE NadamMomentum(double beta, double decay)
      : beta1(beta), log_q(decay * std::log(0.96)) {}

  DLENGINE_HOST_DEVICE double at(double t) const { return beta1 * (1 - 0.5 * std::exp(t * log_q)); }

  DLENGINE_HOST_DEVICE double product(double count) const {
    double log_product = count * std::log(beta1), half = 1;
    for (int k = 1; k <= 55; ++k) {  // beyond, x^k / k is less than the rounding of a double
      half *= 0.5;
      const double x = k * log_q;
      const double powers = x == 0 ? count : std::exp(x) * std::expm1(count * x) / std::expm1(x);
      log_product -= half / k * powers;
    }
    return std::exp(log_product);
  }
};

/// Dozat, ICLR workshop 2016.
template <typename T>
struct NadamRule {
  Decay<T> decay;
  T beta1, rest1, beta2, rest2, eps, step_of_g, step_of_m, root_scale;

  NadamRule() = default;
  DLENGINE_HOST_DEVICE explicit NadamRule(const NadamStep& s)
      : beta1(T(s.beta1)), rest1(T(1 - s.beta1)), beta2(T(s.beta2)), rest2(T(1 - s.beta2)), eps(T(s.eps)) {
    const UpdateClock clock = s.clock.now();
    decay = Decay<T>(s.weight_decay, s.decoupled_decay, clock.lr);
    const NadamMomentum momentum(s.beta1, s.momentum_decay);
    const double t = double(clock.step), product = momentum.product(t), next = momentum.at(t + 1);
    step_of_g = T(clock.lr * (1 - momentum.at(t)) / (1 - product));
    step_of_m = T(clock.lr * next / (1 - product * next));
    root_scale = T(1 / std::sqrt(1 - std::pow(s.beta2, t)));
  }

  DLENGINE_HOST_DEVICE void operator()(T& w, T g, T& m, T& v) const {
    decay(w, g);
    m = beta1 * m + rest1 * g;
    v = beta2 * v + rest2 * g * g;
    w -= (step_of_g * g + step_of_m * m) / (std::sqrt(v) * root_scale + eps);
  }
};

/// Chen et al., arXiv:2302.06675.
template <typename T>
struct LionRule {
  T lr, shrink, beta1, rest1, beta2, rest2;

  LionRule() = default;
  DLENGINE_HOST_DEVICE explicit LionRule(const LionStep& s)
      : beta1(T(s.beta1)), rest1(T(1 - s.beta1)), beta2(T(s.beta2)), rest2(T(1 - s.beta2)) {
    const double rate = s.clock.now().lr;
    lr = T(rate);
    shrink = T(1 - rate * s.weight_decay);
  }

  DLENGINE_HOST_DEVICE void operator()(T& w, T g, T& m) const {
    const T c = beta1 * m + rest1 * g;
    w = w * shrink - (c > 0 ? lr : c < 0 ? -lr : c);  // c: 0 or NaN
    m = beta2 * m + rest2 * g;
  }
};

}  // namespace dlengine

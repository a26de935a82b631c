// What operations are told besides their tensors.
#pragma once

#include <cstdint>

#include "dlengine/core/host_device.h"
#include "dlengine/core/philox.h"

namespace dlengine {

/// {height, width} in pixels; one number stands for both.
struct Size2 {
  int64_t h = 0;
  int64_t w = 0;
  constexpr Size2() = default;
  constexpr Size2(int64_t both) : h(both), w(both) {}  // NOLINT: implicit on purpose, as in {.kernel = 3}
  constexpr Size2(int64_t height, int64_t width) : h(height), w(width) {}
  friend constexpr bool operator==(const Size2&, const Size2&) = default;
};

/// What an operation that ends in one applies to its result in the same pass.
enum class Activation : uint8_t { none, relu };

/// The same with dropout behind it. As the gradient of both together, behind relu, is seen from the result,
/// there is dropout behind relu only.
struct Ending {
  Activation activation = Activation::none;
  double dropout = 0;  // share of the elements that become 0, below 1; the others are divided by 1 - dropout
  PhiloxKey key = {};  // of the dropout; operations draw it from default_generator()

  constexpr Ending() = default;
  constexpr Ending(Activation first, double share = 0)  // NOLINT: implicit on purpose
      : activation(first), dropout(share) {}
  constexpr bool is_none() const { return activation == Activation::none && dropout == 0; }
  /// Of the elements that are not dropped.
  constexpr double scale() const { return 1 / (1 - dropout); }
  friend constexpr bool operator==(const Ending&, const Ending&) = default;
};

struct Conv2dParams {
  Size2 stride = 1;
  Size2 padding = 0;   // zero pixels added on each side
  Size2 dilation = 1;  // distance between two taps
  int64_t groups = 1;  // divides the input and the output channels
  Activation activation = Activation::none;
  friend bool operator==(const Conv2dParams&, const Conv2dParams&) = default;
};

struct Pool2dParams {
  Size2 kernel = 2;
  Size2 stride = 0;               // 0: as the kernel
  Size2 padding = 0;              // at most half of the kernel
  bool count_include_pad = true;  // average pooling: whether padded pixels count in the divisor
  Ending ending = {};
  friend bool operator==(const Pool2dParams&, const Pool2dParams&) = default;
};

// One update of each optimizer. w: parameter, g: gradient; all are flat and equally long, and all sums are in
// the accumulation type. The formulas are in kernels/update_rules.h, the defaults in optim/.

/// What changes from one update to the next.
struct UpdateClock {
  double lr = 0;
  int64_t step = 1;      // updates of these parameters, this one included; counts from 1
  double lr_factor = 1;  // of these parameters, on the rate
  // In a recorded step: the optimizer's {address of lr, steps} in device memory, read as the update runs;
  // then `step` is to be added to the steps.
  const uint64_t* live = nullptr;

  /// The clock as it is at this moment of the device's work.
  DLENGINE_HOST_DEVICE UpdateClock now() const {
    if (!live) return {lr * lr_factor, step};
    return {*reinterpret_cast<const double*>(live[0]) * lr_factor, int64_t(live[1]) + step};
  }
};

struct SgdStep {
  UpdateClock clock;
  double momentum = 0;
  double dampening = 0;
  double weight_decay = 0;
  bool decoupled_decay = false;  // w shrinks by lr * weight_decay; else w * weight_decay is added to g
  bool nesterov = false;
  bool lr_in_velocity = false;      // Keras: v = momentum*v - lr*g; PyTorch: v = momentum*v + g, step lr*v
  bool starts_at_gradient = false;  // PyTorch: the first v is g, without dampening
};

struct RmspropStep {
  UpdateClock clock;
  double rho = 0;
  double eps = 0;
  bool eps_inside_root = false;  // Keras: g / sqrt(v + eps); PyTorch: g / (sqrt(v) + eps)
  double momentum = 0;
  double weight_decay = 0;
  bool decoupled_decay = false;  // as in SgdStep, as everywhere below
  bool lr_in_velocity = false;   // Keras: v = momentum*v + lr*d; PyTorch: v = momentum*v + d, step lr*v
};

struct AdamStep {
  UpdateClock clock;
  double beta1 = 0;
  double beta2 = 0;
  double eps = 0;
  bool eps_on_corrected_root =
      true;  // PyTorch: sqrt(v / c2) + eps; Keras: sqrt(v) + eps with lr * sqrt(c2) / c1
  double weight_decay = 0;
  bool decoupled_decay = false;
};

struct AdagradStep {
  UpdateClock clock;
  double lr_decay = 0;  // PyTorch: lr / (1 + (step - 1) * lr_decay)
  double eps = 0;
  bool eps_inside_root = false;  // Keras: g / sqrt(sum + eps); PyTorch: g / (sqrt(sum) + eps)
  double weight_decay = 0;
  bool decoupled_decay = false;
};

struct AdadeltaStep {
  UpdateClock clock;
  double rho = 0;
  double eps = 0;
  double weight_decay = 0;
  bool decoupled_decay = false;
};

struct AdamaxStep {
  UpdateClock clock;
  double beta1 = 0;
  double beta2 = 0;
  double eps = 0;
  bool eps_outside_max = false;  // Keras: m / (u + eps); PyTorch: u = max(beta2 * u, |g| + eps), m / u
  double weight_decay = 0;
  bool decoupled_decay = false;
};

struct NadamStep {
  UpdateClock clock;
  double beta1 = 0;  // the momentum of step t is beta1 * (1 - 0.5 * 0.96^(t * momentum_decay))
  double beta2 = 0;
  double eps = 0;
  double momentum_decay = 0;
  double weight_decay = 0;
  bool decoupled_decay = false;
};

struct LionStep {
  UpdateClock clock;
  double beta1 = 0;
  double beta2 = 0;
  double weight_decay = 0;  // decoupled
};

}  // namespace dlengine

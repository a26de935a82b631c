// Losses by name.
#include "dlengine/train/make_loss.h"

#include <array>

#include "dlengine/core/check.h"
#include "dlengine/core/ops/activation.h"
#include "dlengine/core/ops/elementwise.h"
#include "dlengine/core/ops/reduce.h"
#include "dlengine/layers/loss.h"

namespace dlengine {
namespace {

constexpr double kLeast = 1e-7;  // Keras's epsilon(), of probabilities

/// In 16-bit types 1 - 1e-7 would be 1.
Tensor wide(const Tensor& x) { return x.dtype() == DType::f64 ? x : x.to(DType::f32); }

/// Keras's: both are probabilities, which are brought into [1e-7, 1].
struct KLDivergence {
  static constexpr bool kReplayable = true;
  static constexpr Labels kLabels = Labels::classes;
  Tensor operator()(const Tensor& output, const Tensor& target) const {
    return KLDivLoss()(log(clip(wide(output), kLeast, 1)), clip(wide(target), kLeast, 1));
  }
};

/// Keras's: probabilities are brought into [1e-7, 1 - 1e-7].
struct BinaryCrossentropy {
  static constexpr bool kReplayable = true;
  static constexpr Labels kLabels = Labels::probabilities;
  Tensor operator()(const Tensor& output, const Tensor& target) const {
    return BCELoss()(clip(wide(output), kLeast, 1 - kLeast), target);
  }
};

/// Keras's: targets that are all 0 or 1 stand for -1 and 1. Told on the device, so that steps can be
/// replayed.
struct KerasHinge {
  static constexpr bool kReplayable = true;
  static constexpr Labels kLabels = Labels::signs;
  bool squared = false;
  Tensor operator()(const Tensor& output, const Tensor& target) const {
    const Tensor t = target.detach().to(output.dtype());
    const Tensor binary = all(equal(t * t, t));
    return HingeLoss({.squared = squared})(output, where(binary, 2 * t - 1, t));
  }
};

LossFunction categorical(bool from_logits) {
  if (from_logits) return CrossEntropyLoss();
  return CategoricalCrossEntropyLoss();
}

LossFunction binary(bool from_logits) {
  if (from_logits) return BCEWithLogitsLoss();
  return BinaryCrossentropy();
}

struct Entry {
  std::string_view name;
  LossFunction (*make)(bool from_logits);
};

template <typename Loss>
LossFunction make(bool) {
  return Loss();
}

constexpr std::array<Entry, 13> kLosses = {{
    {"mse", make<MSELoss>},
    {"mean_squared_error", make<MSELoss>},
    {"mae", make<L1Loss>},
    {"mean_absolute_error", make<L1Loss>},
    {"huber", make<HuberLoss>},
    {"sum_of_squares", make<SumOfSquaresLoss>},
    {"hinge", make<KerasHinge>},
    {"squared_hinge", [](bool) { return LossFunction(KerasHinge{.squared = true}); }},
    {"kl_divergence", make<KLDivergence>},
    {"binary_crossentropy", binary},
    {"categorical_crossentropy", categorical},
    {"sparse_categorical_crossentropy", categorical},
    {"cross_entropy", make<CrossEntropyLoss>},
}};

}  // namespace

std::vector<std::string_view> loss_names() {
  std::vector<std::string_view> names;
  for (const Entry& entry : kLosses) names.push_back(entry.name);
  return names;
}

LossFunction make_loss(std::string_view name, const NamedLossOptions& options) {
  for (const Entry& entry : kLosses) {
    if (entry.name == name) return entry.make(options.from_logits);
  }
  fail<ValueError>("make_loss: there are {}, not '{}'", fmt::join(loss_names(), ", "), name);
}

}  // namespace dlengine

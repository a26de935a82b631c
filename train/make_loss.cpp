// Losses by name.
#include "dlengine/train/make_loss.h"

#include <array>

#include "dlengine/core/check.h"
#include "dlengine/core/ops/activation.h"
#include "dlengine/core/ops/elementwise.h"
#include "dlengine/layers/loss.h"

namespace dlengine {
namespace {

/// Keras's: of probabilities, which are brought into [1e-7, 1].
struct KLDivergence {
  static constexpr bool kReplayable = true;
  Tensor operator()(const Tensor& output, const Tensor& target) const {
    return KLDivLoss()(log(clip(output, 1e-7, 1)), target);
  }
};

LossFunction categorical(bool from_logits) {
  if (from_logits) return CrossEntropyLoss();
  return CategoricalCrossEntropyLoss();
}

LossFunction binary(bool from_logits) {
  if (from_logits) return BCEWithLogitsLoss();
  return BCELoss();
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
    {"hinge", make<HingeLoss>},
    {"squared_hinge", [](bool) { return LossFunction(HingeLoss({.squared = true})); }},
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

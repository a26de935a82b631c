// Rules about one moment: what flows through the layers and back.
#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "dlengine/core/check.h"
#include "dlengine/train/doctor/rules.h"

namespace dlengine {
namespace {

// Shares of a layer's units that are dead, or of its outputs that lie at an end.
constexpr double kDead = 0.5;
constexpr double kFlat = 0.5;
// Deviation between samples: in the last layer against the first.
constexpr double kShrunk = 1.0 / 500;
constexpr double kGrown = 100;
// Gradients: the first layer's against the largest, and a weight's against the weight.
constexpr double kVanished = 1e-3;
constexpr double kExploded = 100;
// Layers from which on they are compared.
constexpr size_t kDeep = 3;

std::string percent(double share) { return fmt::format("{:.0f} %", 100 * share); }

class LayerRules {
 public:
  explicit LayerRules(const CheckUp& check_up) : check_up_(check_up) {}

  std::vector<Finding> operator()(bool untrained) {
    if (not_finite()) return found_;  // all else follows from it
    dead_units();
    saturated_units();
    symmetric_units();
    gradients();
    if (untrained) initial_weights();
    return found_;
  }

 private:
  void add(Symptom symptom, const std::string& layer, std::string saw, std::string advice) {
    found_.push_back({symptom, 0, layer, std::move(saw), std::move(advice)});
  }

  bool not_finite() {
    const char* advice =
        "a smaller learning rate, clipped gradients, and a look at the data for NaN, and at divisions and "
        "logarithms "
        "of 0 in the loss";
    for (const WeightVitals& weight : check_up_.weights) {
      if (weight.finite) continue;
      add(Symptom::not_finite, weight.path, "the weight holds NaN or infinity", advice);
      return true;
    }
    for (const LayerVitals& layer : check_up_.layers) {
      if (layer.finite) continue;
      add(Symptom::not_finite, layer.path,
          fmt::format("this {} is the first layer whose output is not finite", layer.type), advice);
      return true;
    }
    if (!std::isfinite(check_up_.loss)) {
      add(Symptom::not_finite, "", fmt::format("the loss is {} though all layers are finite", check_up_.loss),
          advice);
      return true;
    }
    for (auto weight = check_up_.weights.rbegin(); weight != check_up_.weights.rend(); ++weight) {
      if (weight->finite_gradient) continue;
      add(Symptom::not_finite, weight->path,
          "the gradient of this weight is the first on the way back that is not finite", advice);
      return true;
    }
    return false;
  }

  void dead_units() {
    for (const LayerVitals& layer : check_up_.layers) {
      if (!layer.silent || *layer.silent < kDead) continue;
      add(Symptom::dead_units, layer.path,
          fmt::format("{} of its {} ReLUs are 0 for every sample", percent(*layer.silent), layer.units),
          "a smaller learning rate, He initialisation with biases of 0, a batch norm before the ReLU, or a "
          "leaky ReLU");
    }
  }

  void saturated_units() {
    for (const LayerVitals& layer : check_up_.layers) {
      if (!layer.flat || *layer.flat < kFlat) continue;
      add(Symptom::saturated_units, layer.path,
          fmt::format("{} of the outputs of this {} lie at its ends, where it passes no gradient",
                      percent(*layer.flat), layer.type),
          "smaller initial weights (Xavier), inputs scaled to about -1 .. 1, a batch norm before it, or a "
          "ReLU");
    }
  }

  void symmetric_units() {
    for (const WeightVitals& weight : check_up_.weights) {
      if (!weight.symmetric) continue;
      add(Symptom::symmetric_units, weight.path,
          fmt::format("all {} units have the same weights, so they compute the same and stay copies",
                      weight.units),
          "random initial weights (He before ReLU, Xavier before sigmoid and tanh); zeros are for biases");
    }
  }

  // A gradient of 0 everywhere is that of a loss that is 0.
  void gradients() {
    const std::vector<WeightVitals>& weights = check_up_.weights;
    double largest = 0;
    for (const WeightVitals& weight : weights) largest = std::max(largest, weight.gradient_size);
    if (weights.empty() || largest == 0) return;
    const WeightVitals& first = weights.front();
    if (weights.size() >= kDeep && first.gradient_size < kVanished * largest) {
      add(Symptom::vanishing_gradients, first.path,
          fmt::format("its gradient is {:.1e} in the mean, the largest of a layer is {:.1e}",
                      first.gradient_size, largest),
          "ReLU in place of sigmoid or tanh, He or Xavier initialisation, batch norm, fewer layers or "
          "residual connections");
    }
    for (const WeightVitals& weight : weights) {
      if (weight.norm == 0 || weight.gradient_norm < kExploded * weight.norm) continue;
      add(Symptom::exploding_gradients, weight.path,
          fmt::format("its gradient has the norm {:.1e}, {:.0f} times that of the weight",
                      weight.gradient_norm, weight.gradient_norm / weight.norm),
          "clipped gradients, smaller initial weights (He, Xavier), batch norm, a smaller learning rate");
      return;  // those behind it get it from here
    }
  }

  void initial_weights() {
    std::vector<const LayerVitals*> layers;
    for (const LayerVitals& layer : check_up_.layers) {
      if (layer.weighted) layers.push_back(&layer);
    }
    if (layers.size() < kDeep || layers.front()->deviation == 0) return;
    const double first = layers.front()->deviation, last = layers.back()->deviation;
    const std::string saw =
        fmt::format("outputs differ between samples by {:.2g} in layer {} and by {:.2g} in layer {}", first,
                    layers.front()->path, last, layers.back()->path);
    if (last < kShrunk * first) {
      add(Symptom::shrinking_activations, layers.back()->path, saw,
          "larger initial weights: He initialisation before ReLU, Xavier before tanh; or batch norm");
    } else if (last > kGrown * first) {
      add(Symptom::growing_activations, layers.back()->path, saw,
          "smaller initial weights: He initialisation before ReLU, Xavier before tanh; or batch norm");
    }
  }

  const CheckUp& check_up_;
  std::vector<Finding> found_;
};

}  // namespace

std::vector<Finding> judge_check_up(const CheckUp& check_up, bool untrained) {
  return LayerRules(check_up)(untrained);
}

}  // namespace dlengine

// One pass through the model, layer by layer, and what its outputs, weights and gradients look like.
#include "dlengine/train/doctor/check_up.h"

#include <cmath>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "dlengine/core/autograd.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/ops.h"
#include "dlengine/core/random.h"
#include "dlengine/layers/batch_norm.h"

namespace dlengine {
namespace {

double number(const Tensor& x) { return x.to(DType::f64).item<double>(); }

/// NaN and infinity both show in the largest size.
double largest(const Tensor& x) { return x.numel() == 0 ? 0 : number(max(abs(x))); }

double share(const Tensor& condition) { return number(mean(condition.to(DType::f32))); }

/// The share of units without any output above 0.
double silent_share(const Tensor& y, int unit_axis) {
  Shape others;
  for (int axis = 0; axis < y.rank(); ++axis) {
    if (axis != unit_axis) others.push_back(axis);
  }
  return share(less_equal(max(y, {.axes = others}), zeros({1}, y.dtype(), y.device())));
}

double deviation_between_samples(const Tensor& y) {
  const Tensor centered = y - mean(y, {.axes = {0}, .keep_axes = true});
  return std::sqrt(number(mean(square(centered))));
}

/// The share of elements near low or high.
double flat_share(const Tensor& y, double low, double high) {
  const double middle = (low + high) / 2, near = 0.98 * (high - low) / 2;
  return share(greater(abs(y - middle), full({1}, near, y.dtype(), y.device())));
}

struct OwnWeights final : ModuleVisitor {
  bool weighted = false, has_children = false;
  explicit OwnWeights(Module& module) { module.visit(*this); }
  void parameter(std::string_view, Tensor& tensor) override {
    weighted |= tensor.defined() && tensor.rank() >= 2;
  }
  void buffer(std::string_view, Tensor&) override {}
  void child(std::string_view, Module&) override { has_children = true; }
};

/// Takes the vitals of every layer as it is called.
class Listener final : public ForwardObserver {
 public:
  explicit Listener(Module& model) {
    for (const NamedModule& below : model.modules()) paths_[below.module] = below.path;
  }
  void called(Module&, const Shape&, const Shape&) override {}
  bool wants_each_result() const override { return true; }

  void computed(Module& module, const Tensor& output) override {
    const NoGrad no_grad;
    const OwnWeights own(module);
    const Tensor y = output.detach();
    if (own.has_children || y.rank() < 2 || y.numel() == 0 || !is_floating(y.dtype())) return;
    LayerVitals vitals{
        .path = paths_[&module], .type = std::string(module.type_name()), .weighted = own.weighted};
    if (own.weighted) channels_first_ = vitals.type.starts_with("Conv");
    const int unit_axis = channels_first_ ? 1 : y.rank() - 1;
    vitals.finite = std::isfinite(largest(y));
    vitals.units = y.dim(unit_axis);
    vitals.deviation = deviation_between_samples(y);
    if (vitals.type == "ReLU") vitals.silent = silent_share(y, unit_axis);
    if (vitals.type == "Sigmoid") vitals.flat = flat_share(y, 0, 1);
    if (vitals.type == "Tanh") vitals.flat = flat_share(y, -1, 1);
    layers.push_back(std::move(vitals));
  }

  std::vector<LayerVitals> layers;

 private:
  std::map<const Module*, std::string> paths_;
  bool channels_first_ = false;  // as convolutions have them; other layers have features last
};

/// Units are the first axis of a weight.
bool all_units_alike(const Tensor& weight) {
  if (weight.dim(0) < 2 || weight.numel() == 0) return false;
  return largest(weight - weight.slice(0, 0, 1)) == 0;
}

WeightVitals vitals_of(const std::string& path, const Tensor& parameter) {
  const Tensor weight = parameter.detach();
  WeightVitals vitals{.path = path, .units = weight.dim(0)};
  vitals.finite = std::isfinite(largest(weight));
  vitals.norm = std::sqrt(number(sum(square(weight))));
  vitals.symmetric = all_units_alike(weight);
  if (!parameter.grad().defined() || weight.numel() == 0) return vitals;
  const Tensor gradient = parameter.grad().detach();
  vitals.finite_gradient = std::isfinite(largest(gradient));
  vitals.gradient_norm = std::sqrt(number(sum(square(gradient))));
  vitals.gradient_size = vitals.gradient_norm / std::sqrt(static_cast<double>(weight.numel()));
  return vitals;
}

/// Brings buffers and random numbers back to where they were, and forgets gradients.
class NoTraces {
 public:
  explicit NoTraces(Module& model) : model_(model), random_(default_generator().state()) {
    const NoGrad no_grad;
    for (const auto& [name, buffer] : model.named_buffers()) buffers_.push_back(buffer.detach().clone());
    for (Tensor& parameter : model.parameters()) parameter.zero_grad();
  }
  ~NoTraces() {
    const NoGrad no_grad;
    size_t number = 0;
    for (auto& [name, buffer] : model_.named_buffers()) buffer.copy_(buffers_[number++]);
    for (Tensor& parameter : model_.parameters()) parameter.zero_grad();
    default_generator().set_state(random_);
  }
  NoTraces(const NoTraces&) = delete;
  NoTraces& operator=(const NoTraces&) = delete;

 private:
  Module& model_;
  Generator::State random_;
  std::vector<Tensor> buffers_;
};

/// The modes of a training while it lives, then each module's own again.
class TrainingMode {
 public:
  explicit TrainingMode(Module& model) {
    for (const NamedModule& below : model.modules())
      before_.emplace_back(below.module, below.module->training());
    train_unfrozen(model);
  }
  ~TrainingMode() {
    for (const auto& [module, training] : before_) module->train(training);  // parents before children
  }
  TrainingMode(const TrainingMode&) = delete;
  TrainingMode& operator=(const TrainingMode&) = delete;

 private:
  std::vector<std::pair<Module*, bool>> before_;
};

}  // namespace

CheckUp check_up(Module& model, const Tensor& x, const Tensor& y, const LossFunction& loss) {
  const NoTraces no_traces(model);
  const TrainingMode mode(model);
  CheckUp result;
  Tensor value;
  {
    Listener listener(model);
    value = loss(model(x), y);
    result.layers = std::move(listener.layers);
  }
  result.loss = value.detach().to(DType::f64).item<double>();
  if (std::isfinite(result.loss) && !model.parameters().empty()) value.backward();
  const NoGrad no_grad;
  for (const auto& [path, parameter] : model.named_parameters()) {
    if (parameter.rank() >= 2) result.weights.push_back(vitals_of(path, parameter));
  }
  return result;
}

}  // namespace dlengine

// Sequential: calls its layers in order and names the one that failed.
#include "dlengine/layers/sequential.h"

#include "dlengine/core/check.h"

namespace dlengine {

Sequential& Sequential::add(std::string name, std::unique_ptr<Module> layer) {
  check<ValueError>(layer != nullptr, "Sequential: layer '{}' is null", name);
  check<ValueError>(!name.empty() && name.find('.') == std::string::npos,
                    "Sequential: the name of a layer must not be empty or have a dot, got '{}'", name);
  for (const auto& [taken, unused] : layers_) {
    check<ValueError>(taken != name, "Sequential: there are two layers named '{}'", name);
  }
  layers_.emplace_back(std::move(name), std::move(layer));
  return *this;
}

Module& Sequential::operator[](size_t position) {
  check<ValueError>(position < layers_.size(), "Sequential: there are {} layers, no number {}",
                    layers_.size(), position);
  return *layers_[position].second;
}

// A layer takes over the activation behind it; one that commutes with it, as max pooling does, takes it from
// before itself, where there is less to compute.
std::vector<Sequential::Part> Sequential::parts() const {
  std::vector<Part> parts;
  for (const auto& [name, layer] : layers_) parts.push_back({&name, layer.get()});
  for (size_t i = 0; i < parts.size(); ++i) {
    const Activation activation = parts[i].layer->as_activation();
    if (activation == Activation::none) continue;
    Part* const after = i + 1 < parts.size() ? &parts[i + 1] : nullptr;
    Part* const before = i > 0 ? &parts[i - 1] : nullptr;
    Part* const taker = after && after->layer->commutes_with_activation() ? after
                        : before && before->layer->takes_activation()     ? before
                                                                          : nullptr;
    if (!taker || taker->takes != Activation::none) continue;
    taker->takes = activation;
    parts[i].passed_over = true;
  }
  return parts;
}

Tensor Sequential::forward(const Tensor& x) {
  Tensor y = x;
  for (const Part& part : parts()) {
    if (part.passed_over) {
      part.layer->passed_over(y.shape());
      continue;
    }
    try {
      y = part.layer->call(part.takes, y);
    } catch (Error& error) {
      error.add_context("layer " + *part.name);
      throw;
    }
  }
  return y;
}

void Sequential::visit(ModuleVisitor& visitor) {
  for (const auto& [name, layer] : layers_) visitor.child(name, *layer);
}

}  // namespace dlengine

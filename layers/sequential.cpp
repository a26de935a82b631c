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

Tensor Sequential::forward(const Tensor& x) {
  Tensor y = x;
  for (const auto& [name, layer] : layers_) {
    try {
      y = (*layer)(y);
    } catch (Error& error) {
      error.add_context("layer " + name);
      throw;
    }
  }
  return y;
}

void Sequential::visit(ModuleVisitor& visitor) {
  for (const auto& [name, layer] : layers_) visitor.child(name, *layer);
}

}  // namespace dlengine

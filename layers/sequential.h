// Layers in a row.
#pragma once

#include <concepts>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "dlengine/layers/module.h"

namespace dlengine {

/// Calls its layers one after the other: Sequential net{Flatten(), Linear({.out_features = 512}), ReLU()}.
/// Without layers it gives x itself. Layers are named "0", "1", ... as in PyTorch, or by add(name, layer).
class Sequential final : public Module {
 public:
  Sequential() = default;
  Sequential(Sequential&&) = default;
  Sequential& operator=(Sequential&&) = default;
  template <typename... Layers>
  requires(sizeof...(Layers) > 0 && (std::derived_from<std::remove_cvref_t<Layers>, Module> && ...) &&
           !(sizeof...(Layers) == 1 && (std::same_as<std::remove_cvref_t<Layers>, Sequential> &&
                                        ...))) explicit Sequential(Layers&&... layers) {
    (add(std::forward<Layers>(layers)), ...);
  }

  /// Appends a layer; returns this, so calls chain.
  template <std::derived_from<Module> Layer>
  Sequential& add(Layer&& layer) {
    return add(std::to_string(layers_.size()), std::forward<Layer>(layer));
  }
  template <std::derived_from<Module> Layer>
  Sequential& add(std::string name, Layer&& layer) {
    return add(std::move(name), std::make_unique<Layer>(std::forward<Layer>(layer)));
  }
  /// Throws ValueError for a name given twice, or one that is empty or has a dot.
  Sequential& add(std::string name, std::unique_ptr<Module> layer);

  size_t size() const { return layers_.size(); }
  /// Throws ValueError beyond the last layer.
  Module& operator[](size_t position);

  std::string_view type_name() const override { return "Sequential"; }
  bool replayable() const override { return true; }
  DType input_type(DType compute) const override;
  Tensor forward(const Tensor& x) override;
  void visit(ModuleVisitor& visitor) override;

 private:
  /// A layer in a forward pass.
  struct Part {
    const std::string* name;
    Module* layer;
    Ending takes = {};  // over from its neighbours, which are passed over
    bool passed_over = false;
  };
  std::vector<Part> parts() const;

  std::vector<std::pair<std::string, std::unique_ptr<Module>>> layers_;
};

}  // namespace dlengine

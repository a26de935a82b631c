// A detour around layers.
#pragma once

#include <concepts>
#include <string_view>
#include <utility>

#include "dlengine/layers/sequential.h"

namespace dlengine {

/// y = f(x) + x, where f are its layers: Residual{Linear({.out_features = 64}), ReLU(), ...}. Where f changes
/// the shape, a shortcut makes x fit, y = f(x) + s(x):
///
///   Residual{Conv2d({.out_channels = 64, .kernel = 3, .stride = 2, .padding = 1}), BatchNorm2d(), ReLU(),
///            Conv2d({.out_channels = 64, .kernel = 3, .padding = 1}), BatchNorm2d()}
///       .shortcut(Conv2d({.out_channels = 64, .kernel = 1, .stride = 2}), BatchNorm2d())
///
/// Children: body.0, body.1, ... and shortcut.0, .... Throws ShapeError where f(x) and x differ in shape:
/// nothing is broadcast. He, Zhang, Ren, Sun, arXiv:1512.03385.
class Residual final : public Module {
 public:
  Residual() = default;
  Residual(Residual&&) = default;
  Residual& operator=(Residual&&) = default;
  template <typename... Layers>
  requires(sizeof...(Layers) > 0 && (std::derived_from<std::remove_cvref_t<Layers>, Module> && ...) &&
           !(sizeof...(Layers) == 1 && (std::same_as<std::remove_cvref_t<Layers>, Residual> &&
                                        ...))) explicit Residual(Layers&&... layers) {
    (body_.add(std::forward<Layers>(layers)), ...);
  }

  /// Layers that x takes in place of f. Called again, it appends.
  template <typename... Layers>
  Residual& shortcut(Layers&&... layers) & {
    (shortcut_.add(std::forward<Layers>(layers)), ...);
    return *this;
  }
  template <typename... Layers>
  Residual&& shortcut(Layers&&... layers) && {
    return std::move(shortcut(std::forward<Layers>(layers)...));
  }

  std::string_view type_name() const override { return "Residual"; }
  bool replayable() const override { return true; }
  Tensor forward(const Tensor& x) override;
  void visit(ModuleVisitor& visitor) override;

 private:
  Sequential body_, shortcut_;  // an empty shortcut gives x itself
};

}  // namespace dlengine

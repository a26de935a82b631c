// Joins axes, as between convolutions and fully connected layers.
#pragma once

#include <string>
#include <string_view>

#include "dlengine/layers/module.h"

namespace dlengine {

/// Joins axis `start` and all behind it: x [N, C, H, W] -> [N, C*H*W].
class Flatten final : public Module {
 public:
  explicit Flatten(int start = 1) : start_(start) {}
  std::string_view type_name() const override { return "Flatten"; }
  bool replayable() const override { return true; }
  std::string description() const override;
  Tensor forward(const Tensor& x) override;

 private:
  int start_;
};

}  // namespace dlengine

// Pooling layers over volumes.
#pragma once

#include <string>
#include <string_view>

#include "dlengine/core/window_params.h"
#include "dlengine/layers/module.h"

namespace dlengine {

/// Largest element of each window: MaxPool3d({.kernel = 2}). x [N, C, D, H, W] -> [N, C, O, P, Q]; as
/// MaxPool2d.
class MaxPool3d final : public Module {
 public:
  explicit MaxPool3d(const Pool3dParams& options);
  std::string_view type_name() const override { return "MaxPool3d"; }
  bool replayable() const override { return true; }
  std::string description() const override;
  Tensor forward(const Tensor& x) override;
  Window window(const Shape& input, const Shape& output) const override;

 private:
  Pool3dParams options_;
};

/// Mean of each window, as MaxPool3d.
class AvgPool3d final : public Module {
 public:
  explicit AvgPool3d(const Pool3dParams& options);
  std::string_view type_name() const override { return "AvgPool3d"; }
  bool replayable() const override { return true; }
  std::string description() const override;
  Tensor forward(const Tensor& x) override;
  Window window(const Shape& input, const Shape& output) const override;

 private:
  Pool3dParams options_;
};

}  // namespace dlengine

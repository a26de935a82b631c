// Pooling layers over series.
#pragma once

#include <string>
#include <string_view>

#include "dlengine/core/window_params.h"
#include "dlengine/layers/module.h"

namespace dlengine {

/// Largest element of each window: MaxPool1d({.kernel = 2}). x [N, C, L] -> [N, C, Q]; as MaxPool2d.
class MaxPool1d final : public Module {
 public:
  explicit MaxPool1d(const Pool1dParams& options);
  std::string_view type_name() const override { return "MaxPool1d"; }
  bool replayable() const override { return true; }
  std::string description() const override;
  Tensor forward(const Tensor& x) override;
  Window window(const Shape& input, const Shape& output) const override;

 private:
  Pool1dParams options_;
};

/// Mean of each window, as MaxPool1d.
class AvgPool1d final : public Module {
 public:
  explicit AvgPool1d(const Pool1dParams& options);
  std::string_view type_name() const override { return "AvgPool1d"; }
  bool replayable() const override { return true; }
  std::string description() const override;
  Tensor forward(const Tensor& x) override;
  Window window(const Shape& input, const Shape& output) const override;

 private:
  Pool1dParams options_;
};

}  // namespace dlengine

// Pooling layers over images [N, C, H, W].
#pragma once

#include <string>
#include <string_view>

#include "dlengine/core/op_params.h"
#include "dlengine/layers/module.h"

namespace dlengine {

/// Largest pixel of each window: MaxPool2d({.kernel = 2}). [N, C, H, W] -> [N, C, P, Q]; the stride is the
/// kernel unless given. Trailing pixels that do not fill a window are dropped. Throws ValueError for sizes
/// that make no sense.
class MaxPool2d final : public Module {
 public:
  explicit MaxPool2d(const Pool2dParams& options);
  std::string_view type_name() const override { return "MaxPool2d"; }
  bool replayable() const override { return true; }
  std::string description() const override;
  Tensor forward(const Tensor& x) override { return forward_with({}, x); }
  bool takes(const Ending&) const override { return true; }
  bool commutes_with_activation() const override { return true; }
  Tensor forward_with(const Ending& ending, const Tensor& x) override;
  Window window() const override { return {.extent = options_.kernel, .stride = options_.stride}; }

 private:
  Pool2dParams options_;
};

/// Mean of each window, as MaxPool2d.
class AvgPool2d final : public Module {
 public:
  explicit AvgPool2d(const Pool2dParams& options);
  std::string_view type_name() const override { return "AvgPool2d"; }
  bool replayable() const override { return true; }
  std::string description() const override;
  Tensor forward(const Tensor& x) override;
  Window window() const override { return {.extent = options_.kernel, .stride = options_.stride}; }

 private:
  Pool2dParams options_;
};

/// Mean of each channel: [N, C, H, W] -> [N, C, 1, 1]; a Flatten makes it [N, C].
class GlobalAvgPool2d final : public Module {
 public:
  std::string_view type_name() const override { return "GlobalAvgPool2d"; }
  bool replayable() const override { return true; }
  Tensor forward(const Tensor& x) override;
};

}  // namespace dlengine

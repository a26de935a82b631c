// Pooling layers over images [N, C, H, W].
#pragma once

#include <string>
#include <string_view>

#include "dlengine/core/op_params.h"
#include "dlengine/core/ops/pool.h"
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
  /// The result, and which pixels won, for MaxUnpool2d (PyTorch's return_indices).
  PooledWithIndices with_indices(const Tensor& x) { return max_pool2d_with_indices(x, options_); }
  Window window(const Shape& input, const Shape& output) const override;

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
  Window window(const Shape& input, const Shape& output) const override;

 private:
  Pool2dParams options_;
};

/// Mean of each channel: [N, C, H, W] -> [N, C, 1, 1]; a Flatten makes it [N, C].
class GlobalAvgPool2d final : public Module {
 public:
  std::string_view type_name() const override { return "GlobalAvgPool2d"; }
  bool replayable() const override { return true; }
  Tensor forward(const Tensor& x) override;
  Window window(const Shape& input, const Shape& output) const override;
};

/// Means of windows that divide any image into size.h rows and size.w columns: [N, C, H, W] -> [N, C, size.h,
/// size.w], as adaptive_avg_pool2d(). Throws ValueError for a size below 1.
class AdaptiveAvgPool2d final : public Module {
 public:
  explicit AdaptiveAvgPool2d(Size2 size);
  std::string_view type_name() const override { return "AdaptiveAvgPool2d"; }
  bool replayable() const override { return true; }
  std::string description() const override;
  Tensor forward(const Tensor& x) override;
  Window window(const Shape& input, const Shape& output) const override;

 private:
  Size2 size_;
};

/// Reverses MaxPool2d of these options, as far as that can be: pixels go back to the places that its
/// with_indices() found, all others are 0. Not a Module, as it takes two tensors:
///
///     auto [y, indices] = pool.with_indices(x);
///     Tensor back = unpool(y, indices);  // or unpool(y, indices, {H, W}), where windows left pixels out
///
/// Where windows overlap and found the same pixel, what they bring there adds up; see max_unpool2d().
class MaxUnpool2d {
 public:
  explicit MaxUnpool2d(const Pool2dParams& options);
  /// size: of the result; 0: the smallest image from which the pooling makes one like x.
  Tensor operator()(const Tensor& x, const Tensor& indices, Size2 size = 0) const;

 private:
  Pool2dParams options_;
};

}  // namespace dlengine

// Joins axes, as between convolutions and fully connected layers, and parts one.
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

/// One axis becomes several, as pixels behind a Linear: Unflatten(1, {64, 7, 7}) of [N, 3136] is [N, 64, 7,
/// 7]. One size may be -1. Throws ShapeError where the axis does not have as many elements, ValueError for
/// sizes below -1 and for two of -1.
class Unflatten final : public Module {
 public:
  Unflatten(int axis, const Shape& sizes);
  std::string_view type_name() const override { return "Unflatten"; }
  bool replayable() const override { return true; }
  std::string description() const override;
  Tensor forward(const Tensor& x) override;

 private:
  int axis_;
  Shape sizes_;
};

}  // namespace dlengine

// Layers that normalise each sample by itself; they do the same in training and in evaluation.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "dlengine/core/shape.h"
#include "dlengine/layers/module.h"

namespace dlengine {

/// What these layers share. Parameters, in the type of x: weight of 1, bias of 0.
class SampleNorm : public Module {
 public:
  bool replayable() const override { return true; }
  std::string description() const override;
  Tensor forward(const Tensor& x) override;
  void visit(ModuleVisitor& visitor) override;
  void build() override;

 protected:
  /// Throws ValueError, naming the layer, unless eps > 0.
  SampleNorm(const char* name, double eps, bool affine);

 private:
  virtual std::string size_in_words() const = 0;
  /// Shape of weight and bias; empty where the first input has to tell.
  virtual Shape known_shape() const = 0;
  /// The shape that this input tells, which is kept.
  virtual Shape learn_shape(const Shape& x) = 0;
  virtual Tensor normalise(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps) const = 0;
  void make(const Shape& shape, DType dtype, Device device);

  double eps_;
  bool affine_;
  Tensor weight_, bias_;  // undefined where affine_ is false
};

struct LayerNormOptions {
  Shape normalized_shape;  // of the last axes, required
  double eps = 1e-5;
  bool elementwise_affine = true;  // with weight and bias of that shape
};

/// Over the last axes: LayerNorm({.normalized_shape = {64}}) of x [.., 64]. Ba, Kiros, Hinton,
/// arXiv:1607.06450.
class LayerNorm final : public SampleNorm {
 public:
  /// Throws ValueError unless all sizes are 1 or more.
  explicit LayerNorm(const LayerNormOptions& options);
  std::string_view type_name() const override { return "LayerNorm"; }

 private:
  std::string size_in_words() const override;
  Shape known_shape() const override { return shape_; }
  Shape learn_shape(const Shape&) override { return shape_; }
  Tensor normalise(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps) const override;

  Shape shape_;
};

struct GroupNormOptions {
  int64_t num_groups = 1;    // divides the channels
  int64_t num_channels = 0;  // C; 0: found at the first input
  double eps = 1e-5;
  bool affine = true;  // with weight [C] and bias [C]
};

/// Over groups of channels: GroupNorm({.num_groups = 4}) of x [N, C, ...]. Wu and He, arXiv:1803.08494.
class GroupNorm final : public SampleNorm {
 public:
  /// Throws ValueError unless the groups divide the channels.
  explicit GroupNorm(const GroupNormOptions& options);
  std::string_view type_name() const override { return "GroupNorm"; }

 private:
  std::string size_in_words() const override;
  Shape known_shape() const override { return channels_ > 0 ? Shape{channels_} : Shape(); }
  Shape learn_shape(const Shape& x) override;
  Tensor normalise(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps) const override;

  int64_t groups_, channels_;
};

struct InstanceNormOptions {
  int64_t num_features = 0;  // C; 0: found at the first input
  double eps = 1e-5;
  bool affine = false;  // with weight [C] and bias [C]
};

/// Each channel of each sample, without running statistics. Ulyanov, Vedaldi, Lempitsky, arXiv:1607.08022.
class InstanceNorm : public SampleNorm {
 protected:
  InstanceNorm(const char* name, int rank, const InstanceNormOptions& options);

 private:
  std::string size_in_words() const override;
  Shape known_shape() const override { return channels_ > 0 ? Shape{channels_} : Shape(); }
  Shape learn_shape(const Shape& x) override;
  Tensor normalise(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps) const override;

  int rank_;  // of x
  int64_t channels_;
};

/// InstanceNorm1d() over series x [N, C, L].
class InstanceNorm1d final : public InstanceNorm {
 public:
  explicit InstanceNorm1d(const InstanceNormOptions& options = {})
      : InstanceNorm("InstanceNorm1d", 3, options) {}
  std::string_view type_name() const override { return "InstanceNorm1d"; }
};

/// InstanceNorm2d() over images x [N, C, H, W].
class InstanceNorm2d final : public InstanceNorm {
 public:
  explicit InstanceNorm2d(const InstanceNormOptions& options = {})
      : InstanceNorm("InstanceNorm2d", 4, options) {}
  std::string_view type_name() const override { return "InstanceNorm2d"; }
};

/// InstanceNorm3d() over volumes x [N, C, D, H, W].
class InstanceNorm3d final : public InstanceNorm {
 public:
  explicit InstanceNorm3d(const InstanceNormOptions& options = {})
      : InstanceNorm("InstanceNorm3d", 5, options) {}
  std::string_view type_name() const override { return "InstanceNorm3d"; }
};

}  // namespace dlengine

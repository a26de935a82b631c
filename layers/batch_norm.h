// Batch normalisation layers. Ioffe and Szegedy, arXiv:1502.03167.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "dlengine/layers/module.h"

namespace dlengine {

struct BatchNormOptions {
  int64_t num_features = 0;  // C; 0: found at the first input
  double eps = 1e-5;         // Keras: 1e-3
  double momentum =
      0.1;             // share of the new batch in the running statistics; Keras: 0.01, which it calls 0.99
  bool affine = true;  // with weight and bias
};

/// What these layers share. In training: the batch's own statistics, and the running ones follow; in
/// evaluation: the running ones. Frozen parameters change none of that, as in PyTorch; but Trainer::fit()
/// calls train_unfrozen(). Parameters: weight [C] of 1, bias [C] of 0. Buffers: running_mean [C],
/// running_var [C] (unbiased). All of these are f32 where x is a 16-bit float.
class BatchNorm : public Module {
 public:
  std::string description() const override;
  Tensor forward(const Tensor& x) override { return forward_with({}, x); }
  bool takes(const Ending& ending) const override { return ending.dropout == 0; }
  Tensor forward_with(const Ending& ending, const Tensor& x) override;
  ChannelMap channel_map() const override;
  void visit(ModuleVisitor& visitor) override;
  void build() override;
  DType parameter_type(DType compute) const override;
  /// True if there are weight and bias, and neither requires a gradient.
  bool is_frozen() const;

 protected:
  explicit BatchNorm(const BatchNormOptions& options);

 private:
  virtual void check_input(const Shape& x) const = 0;
  void make(int64_t num_features, DType dtype, Device device);

  BatchNormOptions options_;
  Tensor weight_, bias_;  // undefined where options_.affine is false
  Tensor running_mean_, running_var_;
};

/// Training mode for the model and all below, but evaluation mode for batch norms that are frozen: their
/// running statistics stay with their weights, as in Keras.
void train_unfrozen(Module& model);

/// BatchNorm1d({.num_features = 128}) over x [N, C] or [N, C, L].
class BatchNorm1d final : public BatchNorm {
 public:
  explicit BatchNorm1d(const BatchNormOptions& options = {}) : BatchNorm(options) {}
  std::string_view type_name() const override { return "BatchNorm1d"; }
  bool replayable() const override { return true; }

 private:
  void check_input(const Shape& x) const override;
};

/// BatchNorm2d({.num_features = 64}) over images x [N, C, H, W].
class BatchNorm2d final : public BatchNorm {
 public:
  explicit BatchNorm2d(const BatchNormOptions& options = {}) : BatchNorm(options) {}
  std::string_view type_name() const override { return "BatchNorm2d"; }
  bool replayable() const override { return true; }

 private:
  void check_input(const Shape& x) const override;
};

/// BatchNorm3d({.num_features = 64}) over volumes x [N, C, D, H, W].
class BatchNorm3d final : public BatchNorm {
 public:
  explicit BatchNorm3d(const BatchNormOptions& options = {}) : BatchNorm(options) {}
  std::string_view type_name() const override { return "BatchNorm3d"; }
  bool replayable() const override { return true; }

 private:
  void check_input(const Shape& x) const override;
};

}  // namespace dlengine

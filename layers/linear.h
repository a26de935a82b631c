// Fully connected layer.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "dlengine/layers/init.h"
#include "dlengine/layers/module.h"

namespace dlengine {

struct LinearOptions {
  int64_t in_features = 0;   // I; 0: found at the first input
  int64_t out_features = 0;  // O, required
  bool bias = true;
  Init init = Init::torch;
};

/// y = x weight^T + bias: Linear({.in_features = 784, .out_features = 512}). x [.., I] -> [.., O].
/// Parameters: weight [O, I], bias [O]. Throws ValueError for sizes that make no sense.
class Linear final : public Module {
 public:
  explicit Linear(const LinearOptions& options);
  std::string_view type_name() const override { return "Linear"; }
  bool replayable() const override { return true; }
  std::string description() const override;
  Tensor forward(const Tensor& x) override { return forward_with({}, x); }
  bool takes(const Ending&) const override { return true; }
  Tensor forward_with(const Ending& ending, const Tensor& x) override;
  Affine affine() const override { return {weight_, bias_}; }
  Tensor forward_affine(const Affine& weights, const Ending& ending, const Tensor& x) override;
  void visit(ModuleVisitor& visitor) override;
  void build() override;
  int64_t flops(const Shape& input, const Shape& output) const override;

 private:
  void make(int64_t in_features, DType dtype, Device device);

  LinearOptions options_;
  Tensor weight_, bias_;  // bias_ is undefined where options_.bias is false
};

}  // namespace dlengine

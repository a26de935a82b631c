// A transformer's encoder. Vaswani et al., arXiv:1706.03762.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "dlengine/layers/attention.h"
#include "dlengine/layers/linear.h"
#include "dlengine/layers/module.h"
#include "dlengine/layers/sample_norm.h"

namespace dlengine {

enum class TransformerActivation : uint8_t { relu, gelu };

struct TransformerEncoderLayerOptions {
  int64_t d_model = 0;  // E, required
  int64_t nhead = 1;    // heads of the attention
  int64_t dim_feedforward = 2048;
  double dropout = 0.1;
  TransformerActivation activation = TransformerActivation::relu;
  double layer_norm_eps = 1e-5;
  bool norm_first = false;  // x + f(norm(x)) in place of norm(x + f(x)); Xiong et al., arXiv:2002.04745
  bool causal = false;      // no element looks at later ones
};

/// Self-attention and then two linear layers, each with a detour around it and layer norm. x [N, L, E] ->
/// [N, L, E]; the batch comes first. Children, in PyTorch's names: self_attn, linear1, linear2, norm1, norm2.
/// Throws ValueError for options that make no sense.
class TransformerEncoderLayer final : public Module {
 public:
  explicit TransformerEncoderLayer(const TransformerEncoderLayerOptions& options);
  std::string_view type_name() const override { return "TransformerEncoderLayer"; }
  bool replayable() const override { return true; }
  Tensor forward(const Tensor& x) override { return forward(x, {}); }
  /// Of padded sequences. valid_keys: bool [N, L], true for elements, false for padding, as in
  /// MultiheadAttention::Inputs: ~mask, where mask is PyTorch's src_key_padding_mask. No element looks at
  /// padding. What stands there is computed as everywhere else, so leave it out of means and losses; where a
  /// sample is padding throughout, its attention is 0 and what is around it remains.
  Tensor forward(const Tensor& x, const Tensor& valid_keys);
  void visit(ModuleVisitor& visitor) override;

 private:
  Tensor attend(const Tensor& x, const Tensor& valid_keys);
  Tensor feed_forward(const Tensor& x);
  Tensor dropped(const Tensor& x) const;

  TransformerEncoderLayerOptions options_;
  MultiheadAttention self_attn_;
  Linear linear1_, linear2_;
  LayerNorm norm1_, norm2_;
};

struct TransformerEncoderOptions {
  TransformerEncoderLayerOptions layer = {};  // of every layer
  int64_t num_layers = 1;
  bool norm = false;  // a layer norm behind the last one, as layers with norm_first need
};

/// Layers in a row, each with weights of its own: TransformerEncoder({.layer = {.d_model = 64, .nhead = 4},
/// .num_layers = 2}). x [N, L, E] -> [N, L, E]. Children, in PyTorch's names: layers.0, layers.1, ..., norm.
/// Throws ValueError for options that make no sense.
class TransformerEncoder final : public Module {
 public:
  explicit TransformerEncoder(const TransformerEncoderOptions& options);
  std::string_view type_name() const override { return "TransformerEncoder"; }
  bool replayable() const override { return true; }
  std::string description() const override;
  Tensor forward(const Tensor& x) override { return forward(x, {}); }
  /// Of padded sequences, as in TransformerEncoderLayer.
  Tensor forward(const Tensor& x, const Tensor& valid_keys);
  void visit(ModuleVisitor& visitor) override;

 private:
  std::vector<TransformerEncoderLayer> layers_;
  LayerNorm norm_;
  bool has_norm_;
};

}  // namespace dlengine

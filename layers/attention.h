// Attention layers. Vaswani et al., arXiv:1706.03762.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "dlengine/core/ops/attention.h"
#include "dlengine/layers/module.h"

namespace dlengine {

struct MultiheadAttentionOptions {
  int64_t embed_dim = 0;  // E; 0: found at the first input
  int64_t num_heads = 1;  // h, a divisor of E
  double dropout = 0;     // share of the weights that are set to 0, in training
  bool bias = true;
  bool causal = false;  // no element looks at later ones
};

/// Attention in h parts of the features, each with projections of its own: MultiheadAttention({.num_heads =
/// 4}). Called as a layer it is self-attention, x [N, L, E] -> [N, L, E]; the batch comes first.
///
/// Parameters, in PyTorch's names: in_proj_weight [3E, E] (of queries, keys, values) and in_proj_bias [3E],
/// out_proj.weight [E, E], out_proj.bias [E]. At first: in_proj_weight Xavier uniform, out_proj.weight as of
/// Linear, biases 0. Throws ValueError for options that make no sense, ShapeError for other inputs.
class MultiheadAttention final : public Module {
 public:
  explicit MultiheadAttention(const MultiheadAttentionOptions& options);
  std::string_view type_name() const override { return "MultiheadAttention"; }
  bool replayable() const override { return true; }
  std::string description() const override;
  Tensor forward(const Tensor& x) override { return attend({x, x, x}).output; }

  struct Inputs {
    Tensor query;      // [N, L, E]
    Tensor key;        // [N, S, E]
    Tensor value;      // [N, S, E]
    Tensor mask = {};  // broadcasts to [N, h, L, S], as in AttentionOptions: true where a query may look
    /// bool [N, S], false where a key is padding, at which no query looks: the opposite of PyTorch's
    /// key_padding_mask. Undefined: there is none.
    Tensor valid_keys = {};
  };
  struct Output {
    Tensor output;   // [N, L, E]
    Tensor weights;  // [N, h, L, S]: how much each query took of each value
  };
  Output attend(const Inputs& inputs);

  void visit(ModuleVisitor& visitor) override;
  void build() override;
  int64_t flops(const Shape& input, const Shape& output) const override;

 private:
  void make(int64_t embed_dim, DType dtype, Device device);
  void check_input(const char* which, const Tensor& x) const;
  static Tensor mask_of(const Inputs& inputs);
  Tensor project(int64_t part, const Tensor& x) const;

  MultiheadAttentionOptions options_;
  Tensor in_weight_, in_bias_, out_weight_, out_bias_;
};

struct PositionalEncodingOptions {
  int64_t max_length = 1000;  // of a sequence
  double dropout = 0;         // of the sum, in training
};

/// Adds sinusoidal_positions() to sequences x [N, T, E], so that attention can tell places apart. Buffer: pe
/// [max_length, E]. Throws ShapeError for longer sequences.
class PositionalEncoding final : public Module {
 public:
  explicit PositionalEncoding(const PositionalEncodingOptions& options = {});
  std::string_view type_name() const override { return "PositionalEncoding"; }
  bool replayable() const override { return true; }
  std::string description() const override;
  Tensor forward(const Tensor& x) override;
  void visit(ModuleVisitor& visitor) override { visitor.buffer("pe", positions_); }

 private:
  PositionalEncodingOptions options_;
  Tensor positions_;
};

}  // namespace dlengine

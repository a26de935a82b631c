// Attention layers.
#include "dlengine/layers/attention.h"

#include <limits>

#include "dlengine/core/check.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/ops/common.h"
#include "dlengine/core/ops/dropout.h"
#include "dlengine/core/ops/elementwise.h"
#include "dlengine/core/ops/logic.h"
#include "dlengine/core/ops/matmul.h"
#include "dlengine/layers/init.h"

namespace dlengine {

MultiheadAttention::MultiheadAttention(const MultiheadAttentionOptions& options) : options_(options) {
  check<ValueError>(options.num_heads > 0 && options.embed_dim >= 0,
                    "MultiheadAttention: need num_heads >= 1 and embed_dim >= 0 (0: found at the first "
                    "input), got {} and {}",
                    options.num_heads, options.embed_dim);
  check<ValueError>(options.embed_dim % options.num_heads == 0,
                    "MultiheadAttention: {} heads do not share {} features evenly", options.num_heads,
                    options.embed_dim);
  check<ValueError>(options.dropout >= 0 && options.dropout <= 1,
                    "MultiheadAttention: need a dropout in [0, 1], got {}", options.dropout);
}

std::string MultiheadAttention::description() const {
  const MultiheadAttentionOptions& o = options_;
  std::string text = fmt::format("{}, {} head{}", o.embed_dim > 0 ? std::to_string(o.embed_dim) : "?",
                                 o.num_heads, o.num_heads == 1 ? "" : "s");
  if (o.causal) text += ", causal";
  if (o.dropout > 0) text += fmt::format(", dropout {}", o.dropout);
  if (!o.bias) text += ", no bias";
  return text;
}

void MultiheadAttention::make(int64_t embed_dim, DType dtype, Device device) {
  check<ShapeError>(embed_dim % options_.num_heads == 0,
                    "attention: {} heads do not share {} features evenly", options_.num_heads, embed_dim);
  options_.embed_dim = embed_dim;
  in_weight_ = as_parameter(xavier_uniform({3 * embed_dim, embed_dim}), dtype, device);
  out_weight_ = as_parameter(initial_weight(Init::torch, {embed_dim, embed_dim}), dtype, device);
  if (!options_.bias) return;
  in_bias_ = as_parameter(zeros({3 * embed_dim}), dtype, device);
  out_bias_ = as_parameter(zeros({embed_dim}), dtype, device);
}

void MultiheadAttention::build() {
  if (!in_weight_.defined() && options_.embed_dim > 0) make(options_.embed_dim, DType::f32, kCpu);
}

void MultiheadAttention::visit(ModuleVisitor& visitor) {
  visitor.parameter("in_proj_weight", in_weight_);
  if (options_.bias) visitor.parameter("in_proj_bias", in_bias_);
  visitor.parameter("out_proj.weight", out_weight_);
  if (options_.bias) visitor.parameter("out_proj.bias", out_bias_);
}

int64_t MultiheadAttention::flops(const Shape& input, const Shape& /*output*/) const {
  const int64_t rows = input[0] * input[1], features = options_.embed_dim;
  return 2 * rows * features * (4 * features + 2 * input[1]);
}

void MultiheadAttention::check_input(const char* which, const Tensor& x) const {
  check<ValueError>(x.defined(), "attention: the {} is undefined", which);
  const int64_t features = options_.embed_dim;
  check<ShapeError>(x.rank() == 3 && x.dim(2) > 0 && (features == 0 || x.dim(2) == features),
                    "attention: need the {} as [N, L, {}], got {}", which,
                    features > 0 ? std::to_string(features) : "E", x.shape());
}

// The mask, without the keys that are padding.
Tensor MultiheadAttention::mask_of(const Inputs& inputs) {
  const Tensor &mask = inputs.mask, &valid = inputs.valid_keys;
  if (!valid.defined()) return mask;
  const Shape needed = {inputs.key.dim(0), inputs.key.dim(1)};
  check_operands("attention", {&inputs.key, &valid});
  check<DTypeError>(valid.dtype() == DType::boolean,
                    "attention: need valid_keys of bool (false: padding), got {}", valid.dtype());
  check<ShapeError>(valid.shape() == needed, "attention: need valid_keys {} (samples, keys), got {}", needed,
                    valid.shape());
  const Tensor keys = valid.reshape({needed[0], 1, 1, needed[1]});
  if (!mask.defined()) return keys;
  check_operands("attention", {&valid, &mask});
  if (mask.dtype() == DType::boolean) return mask & keys;
  const double infinity = std::numeric_limits<double>::infinity();
  return where(keys, mask, scalar(-infinity, mask.dtype(), mask.device()));
}

// Part 0, 1 or 2 of the projections, in heads: [N, L, E] -> [N, h, L, E/h].
Tensor MultiheadAttention::project(int64_t part, const Tensor& x) const {
  const int64_t features = options_.embed_dim, heads = options_.num_heads;
  const auto own = [&](const Tensor& all) {
    return all.defined() ? all.slice(0, part * features, (part + 1) * features) : all;
  };
  return linear(x, own(in_weight_), own(in_bias_))
      .reshape({x.dim(0), x.dim(1), heads, features / heads})
      .permute({0, 2, 1, 3});
}

MultiheadAttention::Output MultiheadAttention::attend(const Inputs& inputs) {
  check_input("query", inputs.query);
  check_input("key", inputs.key);
  check_input("value", inputs.value);
  const Tensor& query = inputs.query;
  if (!in_weight_.defined()) make(query.dim(2), query.dtype(), query.device());
  const Tensor weights = attention_weights(
      project(0, query), project(1, inputs.key),
      {.mask = mask_of(inputs), .causal = options_.causal, .dropout = training() ? options_.dropout : 0});
  const Tensor value = project(2, inputs.value);
  check<ShapeError>(value.dim(2) == weights.dim(3), "attention: need as many values as keys, got {} and {}",
                    inputs.value.shape(), inputs.key.shape());
  const Tensor taken = matmul(weights, value).permute({0, 2, 1, 3}).reshape(query.shape());
  return {.output = linear(taken, out_weight_, out_bias_), .weights = weights};
}

PositionalEncoding::PositionalEncoding(const PositionalEncodingOptions& options) : options_(options) {
  check<ValueError>(options.max_length > 0 && options.dropout >= 0 && options.dropout <= 1,
                    "PositionalEncoding: need max_length >= 1 and a dropout in [0, 1], got {} and {}",
                    options.max_length, options.dropout);
}

std::string PositionalEncoding::description() const {
  return fmt::format("up to {}{}", options_.max_length,
                     options_.dropout > 0 ? fmt::format(", dropout {}", options_.dropout) : "");
}

Tensor PositionalEncoding::forward(const Tensor& x) {
  check<ShapeError>(x.rank() == 3 && x.dim(1) <= options_.max_length && x.dim(2) > 0,
                    "positional encoding: need x [N, T, E] with T of at most {}, got {}", options_.max_length,
                    x.shape());
  if (!positions_.defined()) {
    positions_ = sinusoidal_positions(options_.max_length, x.dim(2)).to(x.dtype()).to(x.device());
  }
  check<ShapeError>(positions_.dim(1) == x.dim(2), "positional encoding: need x [N, T, {}], got {}",
                    positions_.dim(1), x.shape());
  const Tensor y = x + positions_.slice(0, 0, x.dim(1));
  return training() ? dropout(y, options_.dropout) : y;
}

}  // namespace dlengine

// One layer of a transformer's encoder.
#include "dlengine/layers/transformer.h"

#include "dlengine/core/check.h"
#include "dlengine/core/ops/activation.h"
#include "dlengine/core/ops/dropout.h"
#include "dlengine/core/ops/elementwise.h"

namespace dlengine {

namespace {

const TransformerEncoderLayerOptions& checked(const TransformerEncoderLayerOptions& options) {
  check<ValueError>(options.d_model > 0 && options.dim_feedforward > 0,
                    "TransformerEncoderLayer: need d_model and dim_feedforward >= 1, got {} and {}",
                    options.d_model, options.dim_feedforward);
  return options;
}

}  // namespace

TransformerEncoderLayer::TransformerEncoderLayer(const TransformerEncoderLayerOptions& options)
    : options_(checked(options)),
      self_attn_({.embed_dim = options.d_model,
                  .num_heads = options.nhead,
                  .dropout = options.dropout,
                  .causal = options.causal}),
      linear1_({.in_features = options.d_model, .out_features = options.dim_feedforward}),
      linear2_({.in_features = options.dim_feedforward, .out_features = options.d_model}),
      norm1_({.normalized_shape = {options.d_model}, .eps = options.layer_norm_eps}),
      norm2_({.normalized_shape = {options.d_model}, .eps = options.layer_norm_eps}) {}

Tensor TransformerEncoderLayer::dropped(const Tensor& x) const {
  return training() ? dropout(x, options_.dropout) : x;
}

Tensor TransformerEncoderLayer::attend(const Tensor& x) { return dropped(self_attn_(x)); }

Tensor TransformerEncoderLayer::feed_forward(const Tensor& x) {
  const Tensor z = linear1_(x);
  const Tensor wide = options_.activation == TransformerActivation::gelu ? gelu(z) : relu(z);
  return dropped(linear2_(dropped(wide)));
}

Tensor TransformerEncoderLayer::forward(const Tensor& x) {
  if (options_.norm_first) {
    const Tensor seen = x + attend(norm1_(x));
    return seen + feed_forward(norm2_(seen));
  }
  const Tensor seen = norm1_(x + attend(x));
  return norm2_(seen + feed_forward(seen));
}

void TransformerEncoderLayer::visit(ModuleVisitor& visitor) {
  visitor.child("self_attn", self_attn_);
  visitor.child("linear1", linear1_);
  visitor.child("linear2", linear2_);
  visitor.child("norm1", norm1_);
  visitor.child("norm2", norm2_);
}

}  // namespace dlengine

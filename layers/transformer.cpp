// A transformer's encoder.
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

std::vector<TransformerEncoderLayer> make_layers(const TransformerEncoderOptions& options) {
  check<ValueError>(options.num_layers > 0, "TransformerEncoder: need num_layers >= 1, got {}",
                    options.num_layers);
  std::vector<TransformerEncoderLayer> layers;
  for (int64_t i = 0; i < options.num_layers; ++i) layers.emplace_back(options.layer);
  return layers;
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

Tensor TransformerEncoderLayer::attend(const Tensor& x, const Tensor& valid_keys) {
  if (!valid_keys.defined()) return dropped(self_attn_(x));
  return dropped(self_attn_.attend({.query = x, .key = x, .value = x, .valid_keys = valid_keys}).output);
}

Tensor TransformerEncoderLayer::feed_forward(const Tensor& x) {
  const Tensor z = linear1_(x);
  const Tensor wide = options_.activation == TransformerActivation::gelu ? gelu(z) : relu(z);
  return dropped(linear2_(dropped(wide)));
}

Tensor TransformerEncoderLayer::forward(const Tensor& x, const Tensor& valid_keys) {
  if (options_.norm_first) {
    const Tensor seen = x + attend(norm1_(x), valid_keys);
    return seen + feed_forward(norm2_(seen));
  }
  const Tensor seen = norm1_(x + attend(x, valid_keys));
  return norm2_(seen + feed_forward(seen));
}

void TransformerEncoderLayer::visit(ModuleVisitor& visitor) {
  visitor.child("self_attn", self_attn_);
  visitor.child("linear1", linear1_);
  visitor.child("linear2", linear2_);
  visitor.child("norm1", norm1_);
  visitor.child("norm2", norm2_);
}

TransformerEncoder::TransformerEncoder(const TransformerEncoderOptions& options)
    : layers_(make_layers(options)),
      norm_({.normalized_shape = {options.layer.d_model}, .eps = options.layer.layer_norm_eps}),
      has_norm_(options.norm) {}

std::string TransformerEncoder::description() const {
  return fmt::format("{} layer{}", layers_.size(), layers_.size() == 1 ? "" : "s");
}

Tensor TransformerEncoder::forward(const Tensor& x, const Tensor& valid_keys) {
  Tensor y = x;
  for (TransformerEncoderLayer& layer : layers_) {
    y = valid_keys.defined() ? layer.forward(y, valid_keys) : layer(y);
  }
  return has_norm_ ? norm_(y) : y;
}

void TransformerEncoder::visit(ModuleVisitor& visitor) {
  for (size_t i = 0; i < layers_.size(); ++i) visitor.child(fmt::format("layers.{}", i), layers_[i]);
  if (has_norm_) visitor.child("norm", norm_);
}

}  // namespace dlengine

// Attention, made of products and softmax.
#include "dlengine/core/ops/attention.h"

#include <cmath>
#include <limits>
#include <vector>

#include "dlengine/core/check.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/ops/common.h"
#include "dlengine/core/ops/dropout.h"
#include "dlengine/core/ops/elementwise.h"
#include "dlengine/core/ops/logic.h"
#include "dlengine/core/ops/matmul.h"
#include "dlengine/core/ops/softmax.h"

namespace dlengine {

namespace {

void check_attention(const Tensor& q, const Tensor& k, const AttentionOptions& options) {
  check_operands("attention", {&q, &k});
  check_one_floating_type("attention", {&q, &k});
  check<ShapeError>(q.rank() >= 2 && k.rank() >= 2 && q.dim(-1) == k.dim(-1) && q.dim(-1) > 0,
                    "attention: need queries [.., L, E] and keys [.., S, E], got {} and {}", q.shape(),
                    k.shape());
  check<ValueError>(options.dropout >= 0 && options.dropout <= 1,
                    "attention: need a share of dropout in [0, 1], got {}", options.dropout);
  const Tensor& mask = options.mask;
  if (!mask.defined()) return;
  check_operands("attention", {&q, &mask});
  check<DTypeError>(mask.dtype() == DType::boolean || mask.dtype() == q.dtype(),
                    "attention: need a mask of bool (true: may look) or of {}, got {}", q.dtype(),
                    mask.dtype());
}

/// The scores with a mask of numbers on them.
Tensor masked_scores(const Tensor& scores, const Tensor& mask) {
  if (!mask.defined()) return scores;
  check<ShapeError>(broadcast_shapes("attention", scores.shape(), mask.shape()) == scores.shape(),
                    "attention: the mask {} does not broadcast to the scores {}", mask.shape(),
                    scores.shape());
  return mask.dtype() == DType::boolean ? scores : scores + mask;
}

/// bool, true where a query may look; undefined: everywhere.
Tensor allowed_keys(const Tensor& scores, const AttentionOptions& options) {
  Tensor allowed = options.mask;
  if (allowed.defined() && allowed.dtype() != DType::boolean) {
    const double infinity = std::numeric_limits<double>::infinity();
    allowed = greater(allowed.detach(), scalar(-infinity, allowed.dtype(), allowed.device()));
  }
  if (!options.causal) return allowed;
  const Tensor causal = lower_triangle({scores.dim(-2), scores.dim(-1)}, 0, scores.device());
  if (!allowed.defined()) return causal;
  return causal & allowed;
}

/// A score that no other comes near: its weight is 0 beside any other, and it is a number where it is alone.
double lowest_score(DType dtype) { return dtype == DType::f16 ? -65504 : -1e38; }

}  // namespace

Tensor attention_weights(const Tensor& q, const Tensor& k, const AttentionOptions& options) {
  check_attention(q, k, options);
  const double scale = 1 / std::sqrt(static_cast<double>(q.dim(-1)));
  const Tensor scores = masked_scores(matmul(q * scale, k.transpose(-2, -1)), options.mask);
  const Tensor allowed = allowed_keys(scores, options);
  if (!allowed.defined()) return dropout(softmax(scores), options.dropout);
  const auto constant = [&](double value) { return scalar(value, q.dtype(), q.device()); };
  const Tensor weights = softmax(where(allowed, scores, constant(lowest_score(q.dtype()))));
  return dropout(where(allowed, weights, constant(0)), options.dropout);
}

Tensor scaled_dot_product_attention(const Tensor& q, const Tensor& k, const Tensor& v,
                                    const AttentionOptions& options) {
  check_operands("attention", {&q, &k, &v});
  check_one_floating_type("attention", {&q, &k, &v});
  check<ShapeError>(v.rank() >= 2 && k.rank() >= 2 && v.dim(-2) == k.dim(-2),
                    "attention: need as many values [.., S, F] as keys [.., S, E], got {} and {}", v.shape(),
                    k.shape());
  return matmul(attention_weights(q, k, options), v);
}

Tensor sinusoidal_positions(int64_t length, int64_t features) {
  check<ValueError>(length >= 1 && features >= 1,
                    "sinusoidal_positions: need a length and features of 1 or more, got {} and {}", length,
                    features);
  std::vector<float> values;
  for (int64_t t = 0; t < length; ++t) {
    for (int64_t i = 0; i < features; ++i) {
      const double exponent = static_cast<double>(i - i % 2) / static_cast<double>(features);
      const double angle = static_cast<double>(t) / std::pow(10000.0, exponent);
      values.push_back(static_cast<float>(i % 2 == 0 ? std::sin(angle) : std::cos(angle)));
    }
  }
  return from_vector(values, {length, features});
}

}  // namespace dlengine

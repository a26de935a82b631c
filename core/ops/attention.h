// Attention. Vaswani et al., arXiv:1706.03762.
#pragma once

#include "dlengine/core/tensor.h"

namespace dlengine {

/// Which keys a query may look at, and how.
struct AttentionOptions {
  /// Broadcasts to [.., L, S]: bool, true where a query may look, or numbers that are added to the scores
  /// (-infinity: may not look). Undefined: everywhere.
  Tensor mask = {};
  bool causal = false;  // query i looks at keys 0 .. i only
  double dropout = 0;   // share of the weights that are set to 0, drawn from default_generator()
};

/// softmax(q k^T / sqrt(E)) over the keys that a query may look at: how much of each value it takes. A query
/// that may look at none has weights 0, and gives no gradient.
///
/// Shapes: q [.., L, E], k [.., S, E] -> [.., L, S]; batch axes broadcast.
/// Types:  floating, one type. Grads: q, k, and a mask of numbers.
/// Throws: ShapeError, DTypeError, DeviceError; ValueError for a share of dropout outside of [0, 1].
Tensor attention_weights(const Tensor& q, const Tensor& k, const AttentionOptions& options = {});

/// The weights times v [.., S, F] -> [.., L, F]. A query that may look at no key gets zeros. Grads: v, too;
/// all else as attention_weights().
Tensor scaled_dot_product_attention(const Tensor& q, const Tensor& k, const Tensor& v,
                                    const AttentionOptions& options = {});

/// The encoding of positions by Vaswani et al., to be added to a sequence: [length, features], with
/// sin(t / 10000^(2i/features)) at 2i and the cosine at 2i + 1. Throws ValueError for sizes below 1.
Tensor sinusoidal_positions(int64_t length, int64_t features);

}  // namespace dlengine

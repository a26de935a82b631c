// Recurrent cells and attention again: plain float64 loops, unit by unit.
#pragma once

#include "dlengine/core/ops/recurrent.h"
#include "tests/support/ndarray.h"

namespace dlengine::test::reference {

/// gates [N, 4H], c0 [N, H] -> h and c, [2, N, H].
NdArray lstm_cell(const NdArray& gates, const NdArray& c0);
/// gx, gh [N, 3H], h0 [N, H] -> [N, H].
NdArray gru_cell(const NdArray& gx, const NdArray& gh, const NdArray& h0);

/// x [T, N, G], weight [G, H], bias [G], h0 and c0 [N, H]; the last three may have no elements.
struct Sequence {
  NdArray x, weight;
  NdArray bias = NdArray(Shape{0}), h0 = NdArray(Shape{0}), c0 = NdArray(Shape{0});
};
/// h at all times, then the last h and, of an LSTM, the last c: [T + 1 or T + 2, N, H].
NdArray recurrence(const Sequence& sequence, const RecurrentParams& params);

/// q [B, L, E], k [B, S, E] -> [B, L, S]; bias [L, S] is added to the scores, -infinity: may not look.
NdArray attention_weights(const NdArray& q, const NdArray& k, const NdArray& bias);

}  // namespace dlengine::test::reference

// Recurrent networks: one step of a cell, and a whole sequence in one direction. The layers RNN, LSTM and GRU
// (layers/recurrent.h) are made of them.
#pragma once

#include <cstdint>

#include "dlengine/core/tensor.h"

namespace dlengine {

enum class RecurrentCell : uint8_t { rnn_tanh, rnn_relu, lstm, gru };

/// "rnn", "lstm" or "gru", for messages.
const char* name(RecurrentCell cell);
/// Rows of a cell's weights for each unit: 4 of an LSTM (input i, forget f, cell g, output o), 3 of a GRU
/// (reset r, update z, new n), else 1. PyTorch has the same order.
int gates(RecurrentCell cell);

/// What goes from one step to the next.
struct RecurrentState {
  Tensor h;
  Tensor c;  // of an LSTM
};

/// One step of an LSTM: c = sigmoid(f) * c0 + sigmoid(i) * tanh(g), h = sigmoid(o) * tanh(c).
///
/// Shapes: gates [N, 4H], before their functions, in the order i, f, g, o; c0 [N, H] -> h, c [N, H].
/// Types:  floating; 16-bit floats are computed in f32.
/// Grads:  gates, c0.
/// Throws: ShapeError, DTypeError, DeviceError.
/// Source: Hochreiter and Schmidhuber, Neural Computation 9 (1997); forget gate: Gers et al. (2000).
RecurrentState lstm_cell(const Tensor& gates, const Tensor& c0);

/// One step of a GRU: r = sigmoid(gx_r + gh_r), z = sigmoid(gx_z + gh_z), n = tanh(gx_n + r * gh_n),
/// h = (1 - z) * n + z * h0.
///
/// Shapes: gx, gh [N, 3H]: what the input and h0 give to r, z and n; h0 [N, H] -> [N, H].
/// Types:  floating. Grads: gx, gh, h0. Throws: ShapeError, DTypeError, DeviceError.
/// Source: Cho et al., arXiv:1406.1078, with the reset behind the product, as in PyTorch and cuDNN.
Tensor gru_cell(const Tensor& gx, const Tensor& gh, const Tensor& h0);

/// How a step's state goes into the next one: product = h weight^T + bias.
struct RecurrentWeights {
  Tensor weight;  // [gates * H, H]
  Tensor bias;    // [gates * H], or undefined
};

struct RecurrentParams {
  RecurrentCell cell = RecurrentCell::rnn_tanh;
  bool reverse = false;  // from the last time to the first
};

struct RecurrentResult {
  Tensor output;        // [T, N, H]: h at every time
  RecurrentState last;  // [N, H]: after the last step, which is at time 0 where reversed
};

/// A sequence, step by step. rnn: h = tanh(x + product) or relu of it; lstm: the gates are x + product; gru:
/// gx is x, gh the product. One operation on the tape: its backward pass walks back through the steps, with
/// time and memory in proportion to T.
///
/// Shapes: x [T, N, gates * H]: the inputs of all times, times their weights already; first: h and c [N, H],
///         where undefined zero.
/// Types:  floating, one type. Grads: x, weight, bias, h and c. Throws: ShapeError (T is 1 or more),
///         DTypeError, DeviceError; ValueError for a c that the cell has not.
RecurrentResult recurrence(const Tensor& x, const RecurrentWeights& weights, const RecurrentState& first,
                           const RecurrentParams& params);

}  // namespace dlengine

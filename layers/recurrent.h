// Recurrent layers: RNN, LSTM and GRU.
//
// On CUDA their cells are kernels of this library and their products cuBLASLt's. docs/architecture.md says
// why cuDNN's recurrent networks are not used.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "dlengine/core/ops/recurrent.h"
#include "dlengine/layers/module.h"

namespace dlengine {

class SequencePadding;

struct RecurrentOptions {
  int64_t input_size = 0;   // I; 0: found at the first input
  int64_t hidden_size = 0;  // H, required
  int64_t num_layers = 1;   // each on the output of the one before
  bool bias = true;
  double dropout = 0;            // share of the outputs that are set to 0 between layers, in training
  bool bidirectional = false;    // D = 2: a second network from the end to the beginning, side by side
  bool batch_first = true;       // x [N, T, I], as in Keras; false: [T, N, I], PyTorch's default
  bool return_sequences = true;  // false: what calling the layer gives is the last step alone, as in Keras
};

/// What RNN, LSTM and GRU have in common. Samples are x [N, T, I]: N sequences of T times with I features.
/// Calling the layer gives the outputs of the last of its layers at all times, [N, T, D*H], or, without
/// return_sequences, after the last step of each direction, [N, D*H].
///
/// Parameters, in PyTorch's names and order of gates (G of them, see gates()): weight_ih_l0 [G*H, I],
/// weight_hh_l0 [G*H, H], bias_ih_l0 and bias_hh_l0 [G*H]; of the direction from the end weight_ih_l0_reverse
/// and so on; of further layers l1, l2, ..., with inputs of size D*H. At first uniform within +-1/sqrt(H).
///
/// The inputs of all times are multiplied at once; then each step is a product with h and one kernel.
/// Throws ValueError for options that make no sense, ShapeError for other inputs.
class RecurrentLayer : public Module {
 public:
  bool replayable() const override { return true; }
  std::string description() const override;
  Tensor forward(const Tensor& x) override { return forward(x, {}); }
  /// Of sequences of different lengths, padded to T times: what PyTorch's pack_padded_sequence is for.
  /// lengths: i32 or i64 [N] on x's device, 0 .. T. What stands behind them has no effect and gets no
  /// gradient, outputs there are 0, the last step is each sequence's own, and the direction from the end
  /// begins there. A length out of range is a ValueError (on a GPU when a result is next read).
  Tensor forward(const Tensor& x, const Tensor& lengths);

  struct Output {
    Tensor sequence;       // [N, T, D*H], or [T, N, D*H] without batch_first
    RecurrentState state;  // [num_layers * D, N, H]: after the last step, of l0, l0_reverse, l1, ...
  };
  /// A call that begins with the state of an earlier one (h and c as in Output; undefined: zero) and gives
  /// the one it ends with. lengths: as in forward(); one of 0 leaves its state as it is.
  Output run(const Tensor& x, const RecurrentState& state = {}, const Tensor& lengths = {});

  void visit(ModuleVisitor& visitor) override;
  void build() override;
  int64_t flops(const Shape& input, const Shape& output) const override;

 protected:
  RecurrentLayer(RecurrentCell cell, const RecurrentOptions& options);

 private:
  /// Of one layer in one direction.
  struct Weights {
    Tensor ih, hh, bias_ih, bias_hh;
  };
  int64_t directions() const { return options_.bidirectional ? 2 : 1; }
  int64_t inputs_of(int64_t layer) const;
  void make(int64_t input_size, DType dtype, Device device);
  void check_input(const Tensor& x) const;
  void check_state(const char* which, const Tensor& state, int64_t samples) const;
  /// Outputs of the last layer, the time first, and the last states of all.
  struct Passed {
    Tensor sequence;
    std::vector<Tensor> h, c;
  };
  Passed pass(const Tensor& x, const RecurrentState& state, const Tensor& lengths);
  Passed pass_layers(const Tensor& x, const RecurrentState& state, const SequencePadding* padding);
  RecurrentResult pass_direction(size_t number, const Tensor& x, const RecurrentState& state,
                                 const SequencePadding* padding);
  RecurrentResult pass_padded(const Weights& weights, const Tensor& x, const RecurrentState& first,
                              const SequencePadding& padding);
  Tensor as_given(const Tensor& sequence) const;

  RecurrentCell cell_;
  RecurrentOptions options_;
  std::vector<Weights> weights_;  // l0, l0_reverse, l1, ...
};

enum class Nonlinearity : uint8_t { tanh, relu };

/// h_t = tanh(weight_ih x_t + bias_ih + weight_hh h_(t-1) + bias_hh), or relu: RNN({.hidden_size = 32}).
/// Elman, Cognitive Science 14 (1990). See RecurrentLayer.
class RNN final : public RecurrentLayer {
 public:
  explicit RNN(const RecurrentOptions& options, Nonlinearity nonlinearity = Nonlinearity::tanh)
      : RecurrentLayer(nonlinearity == Nonlinearity::relu ? RecurrentCell::rnn_relu : RecurrentCell::rnn_tanh,
                       options) {}
  std::string_view type_name() const override { return "RNN"; }
};

/// Long short-term memory: LSTM({.hidden_size = 32}). See RecurrentLayer and lstm_cell().
class LSTM final : public RecurrentLayer {
 public:
  explicit LSTM(const RecurrentOptions& options) : RecurrentLayer(RecurrentCell::lstm, options) {}
  std::string_view type_name() const override { return "LSTM"; }
};

/// Gated recurrent unit: GRU({.hidden_size = 32}). See RecurrentLayer and gru_cell().
class GRU final : public RecurrentLayer {
 public:
  explicit GRU(const RecurrentOptions& options) : RecurrentLayer(RecurrentCell::gru, options) {}
  std::string_view type_name() const override { return "GRU"; }
};

}  // namespace dlengine

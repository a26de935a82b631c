// Every layer with an input that it takes, for tests of what all of them keep.
#pragma once

#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "tests/golden/golden.h"
#include "tests/layers/layer_cases.h"

namespace dlengine::test {

struct AnyLayer {
  std::string name;
  std::function<std::unique_ptr<Module>()> make;
  Tensor x;
};
inline void PrintTo(const AnyLayer& row, std::ostream* out) { *out << row.name; }

inline std::vector<AnyLayer> every_layer() {
  std::vector<AnyLayer> all;
  for (const LayerCase& row : layer_cases()) {
    all.push_back({row.name, row.make, Golden(row.file).at(std::string(row.name) + ".x")});
  }
  const auto add = [&](const char* name, std::function<std::unique_ptr<Module>()> make) {
    all.push_back({name, std::move(make), rand({2, 5, 8})});
  };
  add("normalize",
      [] { return std::make_unique<Normalize>(std::vector<double>(5, 0.5), std::vector<double>(5, 0.25)); });
  add("unflatten", [] { return std::make_unique<Unflatten>(2, Shape{2, -1}); });
  add("rnn", make<RNN, RecurrentOptions{.hidden_size = 6, .return_sequences = false}>);
  add("lstm", make<LSTM, RecurrentOptions{.hidden_size = 6, .num_layers = 2, .bidirectional = true}>);
  add("gru", make<GRU, RecurrentOptions{.hidden_size = 6}>);
  add("gru_both_ways", make<GRU, RecurrentOptions{.hidden_size = 6, .bidirectional = true}>);
  add("transformer", make<TransformerEncoderLayer,
                          TransformerEncoderLayerOptions{.d_model = 8, .nhead = 2, .dim_feedforward = 12}>);
  add("transformer_encoder", [] {
    return std::make_unique<TransformerEncoder>(TransformerEncoderOptions{
        .layer = {.d_model = 8, .nhead = 2, .dim_feedforward = 12}, .num_layers = 2, .norm = true});
  });
  add("positional_encoding", make<PositionalEncoding, PositionalEncodingOptions{.max_length = 9}>);
  return all;
}

}  // namespace dlengine::test

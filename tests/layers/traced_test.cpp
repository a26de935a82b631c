// Every layer may be in a graph: traced, saved and loaded, it gives the bits of the layer.
#include "tests/golden/golden.h"
#include "tests/graph/graphs.h"
#include "tests/layers/layer_cases.h"

namespace dlengine::test {
namespace {

struct TracedCase {
  std::string name;
  std::function<std::unique_ptr<Module>()> make;
  Tensor x;
};
void PrintTo(const TracedCase& row, std::ostream* out) { *out << row.name; }

std::vector<TracedCase> traced_cases() {
  std::vector<TracedCase> all;
  for (const LayerCase& row : layer_cases()) {
    all.push_back({row.name, row.make, Golden(row.file).at(std::string(row.name) + ".x")});
  }
  const auto add = [&](const char* name, std::function<std::unique_ptr<Module>()> make) {
    all.push_back({name, std::move(make), rand({2, 5, 8})});
  };
  add("unflatten", [] { return std::make_unique<Unflatten>(2, Shape{2, -1}); });
  add("rnn", make<RNN, RecurrentOptions{.hidden_size = 6, .return_sequences = false}>);
  add("lstm", make<LSTM, RecurrentOptions{.hidden_size = 6, .num_layers = 2, .bidirectional = true}>);
  add("gru", make<GRU, RecurrentOptions{.hidden_size = 6, .bidirectional = true}>);
  add("transformer", make<TransformerEncoderLayer,
                          TransformerEncoderLayerOptions{.d_model = 8, .nhead = 2, .dim_feedforward = 12}>);
  return all;
}

class TracedLayers : public testing::TestWithParam<TracedCase> {};

TEST_P(TracedLayers, GiveTheLayersBits) {
  const auto& [name, make, x] = GetParam();
  for (const Device device : devices()) {
    SCOPED_TRACE(to_string(device));
    const std::unique_ptr<Module> layer = make();
    layer->infer_shapes(x.shape(), x.dtype());
    layer->to(device);
    const Tensor input = x.to(device);
    const Graph graph = trace(*layer, x.shape(), {.dtype = x.dtype(), .any_batch = false});
    expect_same_bits(saved_and_loaded(graph, device)(input), evaluated(*layer, input));
  }
}

INSTANTIATE_TEST_SUITE_P(All, TracedLayers, testing::ValuesIn(traced_cases()),
                         [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace dlengine::test

// Recurrent layers run with the inputs, weights and gradients that PyTorch's numbers are stored of.
#include "tests/layers/stored_recurrent.h"

#include <gtest/gtest.h>

#include "dlengine/core/ops.h"

namespace dlengine::test {
namespace {

class Case {
 public:
  Case(const Golden& golden, const RecurrentRow& row, const RecurrentRun& run)
      : golden_(golden), row_(row), run_(run) {}

  NamedArrays results() {
    RecurrentOptions options = row_.options;
    options.batch_first = !run_.time_first;
    const std::unique_ptr<RecurrentLayer> layer = row_.make(options);
    const Tensor lengths = has(".lengths") ? golden_.at(name(".lengths")).to(run_.device) : Tensor();
    Tensor x = input(lengths);
    layer->infer_shapes(x.shape(), run_.dtype, run_.device);
    load_state(*layer);
    x.set_requires_grad();
    const RecurrentState first{leaf(".h0"), leaf(".c0")};
    const RecurrentLayer::Output output = layer->run(x, first, lengths);
    const Tensor y = samples_first(output.sequence);
    Tensor total = sum(y * stored(".gradient.y")) + sum(output.state.h * stored(".gradient.h"));
    if (output.state.c.defined()) total = total + sum(output.state.c * stored(".gradient.c"));
    total.backward();
    put("y", y);
    put("h", output.state.h);
    put("c", output.state.c);
    put("dx", samples_first(x.grad()));
    if (first.h.defined()) put("dh0", first.h.grad());
    if (first.c.defined()) put("dc0", first.c.grad());
    for (const auto& [name, tensor] : layer->named_parameters()) put("grad." + name, tensor.grad());
    return std::move(results_);
  }

 private:
  std::string name(const std::string& end) const { return row_.name + end; }
  bool has(const std::string& end) const { return !golden_.under(name(end)).empty(); }
  Tensor stored(const std::string& end) const {
    return golden_.at(name(end)).to(run_.rounding).to(run_.dtype).to(run_.device).detach();
  }
  Tensor leaf(const std::string& end) const { return has(end) ? stored(end).set_requires_grad() : Tensor(); }
  Tensor samples_first(const Tensor& x) const { return run_.time_first ? x.transpose(0, 1) : x; }

  Tensor input(const Tensor& lengths) const {
    Tensor x = stored(".x");
    if (lengths.defined()) x = where(sequence_mask(lengths, x.dim(1)).unsqueeze(2), x, run_.padding);
    return run_.time_first ? x.transpose(0, 1).contiguous() : x;
  }
  void load_state(RecurrentLayer& layer) const {
    NamedTensors state;
    for (const auto& [key, value] : golden_.under(name(".state."))) {
      state.emplace_back(key, value.to(run_.rounding));
    }
    layer.load_state(state);
  }
  void put(const std::string& key, const Tensor& value) {
    if (value.defined()) results_.emplace_back(key, to_ndarray(value));
  }

  const Golden& golden_;
  const RecurrentRow& row_;
  const RecurrentRun& run_;
  NamedArrays results_;
};

}  // namespace

std::unique_ptr<RecurrentLayer> make_relu_rnn(const RecurrentOptions& options) {
  return std::make_unique<RNN>(options, Nonlinearity::relu);
}

NamedArrays run_stored(const Golden& golden, const RecurrentRow& row, const RecurrentRun& run) {
  return Case(golden, row, run).results();
}

void expect_as_stored(const Golden& golden, const RecurrentRow& row, const NamedArrays& got,
                      const Tolerance& close) {
  size_t gradients = 0;
  for (const auto& [name, value] : got) {
    SCOPED_TRACE(name);
    expect_close(value, to_ndarray(golden.at(std::string(row.name) + "." + name)), close);
    gradients += name.starts_with("grad.");
  }
  EXPECT_EQ(gradients, golden.under(std::string(row.name) + ".grad.").size());
}

void expect_alike(const NamedArrays& got, const NamedArrays& want, const Tolerance& close) {
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < got.size(); ++i) {
    SCOPED_TRACE(got[i].first);
    expect_close(got[i].second, want[i].second, close);
  }
}

}  // namespace dlengine::test

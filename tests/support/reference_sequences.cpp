// Recurrent cells again.
#include "tests/support/reference_sequences.h"

#include <algorithm>
#include <cmath>

#include "tests/support/reference.h"

namespace dlengine::test::reference {
namespace {

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

NdArray time(const NdArray& x, int64_t t) {
  NdArray y({x.shape[1], x.shape[2]});
  for (int64_t i = 0; i < y.numel(); ++i) y[i] = x[t * y.numel() + i];
  return y;
}

void put(NdArray& all, int64_t t, const NdArray& x) {
  for (int64_t i = 0; i < x.numel(); ++i) all[t * x.numel() + i] = x[i];
}

// h and c after a step.
struct State {
  NdArray h, c;
};

State step(RecurrentCell cell, const NdArray& x, const NdArray& product, const State& before) {
  if (cell == RecurrentCell::gru) return {gru_cell(x, product, before.h), {}};
  const NdArray z = zip(x, product, [](double a, double b) { return a + b; });
  if (cell == RecurrentCell::lstm) {
    const NdArray both = lstm_cell(z, before.c);
    return {time(both, 0), time(both, 1)};
  }
  const bool relu = cell == RecurrentCell::rnn_relu;
  return {map(z, [relu](double v) { return relu ? std::max(v, 0.0) : std::tanh(v); }), {}};
}

}  // namespace

NdArray lstm_cell(const NdArray& gates, const NdArray& c0) {
  const int64_t rows = c0.shape[0], units = c0.shape[1];
  NdArray both({2, rows, units});
  for (int64_t n = 0; n < rows; ++n) {
    for (int64_t j = 0; j < units; ++j) {
      const auto gate = [&](int64_t k) { return gates.at({n, k * units + j}); };
      const double c = sigmoid(gate(1)) * c0.at({n, j}) + sigmoid(gate(0)) * std::tanh(gate(2));
      both.at({0, n, j}) = sigmoid(gate(3)) * std::tanh(c);
      both.at({1, n, j}) = c;
    }
  }
  return both;
}

NdArray gru_cell(const NdArray& gx, const NdArray& gh, const NdArray& h0) {
  const int64_t rows = h0.shape[0], units = h0.shape[1];
  NdArray h(h0.shape);
  for (int64_t n = 0; n < rows; ++n) {
    for (int64_t j = 0; j < units; ++j) {
      const auto x = [&](int64_t k) { return gx.at({n, k * units + j}); };
      const auto p = [&](int64_t k) { return gh.at({n, k * units + j}); };
      const double r = sigmoid(x(0) + p(0)), z = sigmoid(x(1) + p(1));
      h.at({n, j}) = (1 - z) * std::tanh(x(2) + r * p(2)) + z * h0.at({n, j});
    }
  }
  return h;
}

NdArray recurrence(const Sequence& sequence, const RecurrentParams& params) {
  const auto& [x, weight, bias, h0, c0] = sequence;
  const int64_t steps = x.shape[0], rows = x.shape[1], units = weight.shape[1];
  const bool lstm = params.cell == RecurrentCell::lstm;
  NdArray all({steps + (lstm ? 2 : 1), rows, units});
  const NdArray zero({rows, units});
  State state{h0.numel() > 0 ? h0 : zero, c0.numel() > 0 ? c0 : zero};
  for (int64_t s = 0; s < steps; ++s) {
    const int64_t t = params.reverse ? steps - 1 - s : s;
    state = step(params.cell, time(x, t), linear(state.h, weight, bias), state);
    put(all, t, state.h);
  }
  put(all, steps, state.h);
  if (lstm) put(all, steps + 1, state.c);
  return all;
}

NdArray attention_weights(const NdArray& q, const NdArray& k, const NdArray& bias) {
  const int64_t queries = q.shape[1], keys = k.shape[1], features = q.shape[2];
  NdArray weights({q.shape[0], queries, keys});
  for (int64_t b = 0; b < q.shape[0]; ++b) {
    for (int64_t i = 0; i < queries; ++i) {
      double total = 0;
      for (int64_t j = 0; j < keys; ++j) {
        double score = 0;
        for (int64_t e = 0; e < features; ++e) score += q.at({b, i, e}) * k.at({b, j, e});
        double& weight = weights.at({b, i, j});
        weight = std::exp(score / std::sqrt(static_cast<double>(features)) + bias.at({i, j}));
        total += weight;
      }
      for (int64_t j = 0; j < keys && total > 0; ++j) weights.at({b, i, j}) /= total;
    }
  }
  return weights;
}

}  // namespace dlengine::test::reference

// Recurrent layers.
#include "dlengine/layers/recurrent.h"

#include <cmath>

#include "dlengine/core/check.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/ops/common.h"
#include "dlengine/core/ops/dropout.h"
#include "dlengine/core/ops/index.h"
#include "dlengine/core/ops/matmul.h"
#include "dlengine/layers/init.h"
#include "dlengine/layers/padding.h"

namespace dlengine {

RecurrentLayer::RecurrentLayer(RecurrentCell cell, const RecurrentOptions& options)
    : cell_(cell), options_(options) {
  check<ValueError>(options.hidden_size > 0 && options.input_size >= 0 && options.num_layers > 0,
                    "{}: need hidden_size >= 1, num_layers >= 1 and input_size >= 0 (0: found at the first "
                    "input), got {}, {} and {}",
                    name(cell), options.hidden_size, options.num_layers, options.input_size);
  check<ValueError>(options.dropout >= 0 && options.dropout <= 1, "{}: need a dropout in [0, 1], got {}",
                    name(cell), options.dropout);
  check<ValueError>(options.dropout == 0 || options.num_layers > 1,
                    "{}: dropout is between layers, and num_layers is 1; put a Dropout behind it",
                    name(cell));
  weights_.resize(static_cast<size_t>(options.num_layers * directions()));
}

std::string RecurrentLayer::description() const {
  const RecurrentOptions& o = options_;
  std::string text =
      fmt::format("{} -> {}", o.input_size > 0 ? std::to_string(o.input_size) : "?", o.hidden_size);
  if (cell_ == RecurrentCell::rnn_relu) text += ", relu";
  if (o.num_layers > 1) text += fmt::format(", {} layers", o.num_layers);
  if (o.bidirectional) text += ", bidirectional";
  if (o.dropout > 0) text += fmt::format(", dropout {}", o.dropout);
  if (!o.bias) text += ", no bias";
  if (!o.batch_first) text += ", time first";
  if (!o.return_sequences) text += ", last step";
  return text;
}

int64_t RecurrentLayer::inputs_of(int64_t layer) const {
  return layer == 0 ? options_.input_size : directions() * options_.hidden_size;
}

void RecurrentLayer::make(int64_t input_size, DType dtype, Device device) {
  options_.input_size = input_size;
  const double bound = 1 / std::sqrt(static_cast<double>(options_.hidden_size));
  const int64_t rows = gates(cell_) * options_.hidden_size;
  const auto draw = [&](const Shape& shape) {
    return as_parameter(rand(shape, -bound, bound), dtype, device);
  };
  for (size_t i = 0; i < weights_.size(); ++i) {
    weights_[i].ih = draw({rows, inputs_of(static_cast<int64_t>(i) / directions())});
    weights_[i].hh = draw({rows, options_.hidden_size});
    if (!options_.bias) continue;
    weights_[i].bias_ih = draw({rows});
    weights_[i].bias_hh = draw({rows});
  }
}

void RecurrentLayer::build() {
  if (!weights_[0].ih.defined() && options_.input_size > 0) make(options_.input_size, DType::f32, kCpu);
}

void RecurrentLayer::visit(ModuleVisitor& visitor) {
  for (size_t i = 0; i < weights_.size(); ++i) {
    const auto number = static_cast<int64_t>(i);
    const std::string end = fmt::format("_l{}{}", number / directions(),
                                        options_.bidirectional && number % 2 == 1 ? "_reverse" : "");
    visitor.parameter("weight_ih" + end, weights_[i].ih);
    visitor.parameter("weight_hh" + end, weights_[i].hh);
    if (!options_.bias) continue;
    visitor.parameter("bias_ih" + end, weights_[i].bias_ih);
    visitor.parameter("bias_hh" + end, weights_[i].bias_hh);
  }
}

int64_t RecurrentLayer::flops(const Shape& input, const Shape& /*output*/) const {
  int64_t weights = 0;
  for (int64_t layer = 0; layer < options_.num_layers; ++layer) {
    weights += directions() * gates(cell_) * options_.hidden_size * (inputs_of(layer) + options_.hidden_size);
  }
  return 2 * input[0] * input[1] * weights;
}

void RecurrentLayer::check_input(const Tensor& x) const {
  const int64_t features = options_.input_size;
  check<ShapeError>(x.rank() == 3 && (features == 0 || x.dim(2) == features) && x.dim(2) > 0,
                    "{}: need x [{}, {}], got {}", name(cell_),
                    options_.batch_first ? "samples, timesteps" : "timesteps, samples",
                    features > 0 ? std::to_string(features) : "features", x.shape());
  check<ShapeError>(x.dim(options_.batch_first ? 1 : 0) > 0, "{}: the sequences {} have no time step",
                    name(cell_), x.shape());
}

void RecurrentLayer::check_state(const char* which, const Tensor& state, int64_t samples) const {
  if (!state.defined()) return;
  const Shape needed = {static_cast<int64_t>(weights_.size()), samples, options_.hidden_size};
  check<ShapeError>(state.shape() == needed,
                    "{}: need a state {} {} (layers and directions, samples, units), "
                    "got {}",
                    name(cell_), which, needed, state.shape());
}

RecurrentResult RecurrentLayer::pass_padded(const Weights& weights, const Tensor& x,
                                            const RecurrentState& first, const SequencePadding& padding) {
  Tensor product = linear(x, weights.ih, weights.bias_ih);
  if (cell_ == RecurrentCell::lstm) product = padding.holding_c(product);
  if (cell_ == RecurrentCell::rnn_relu) product = padding.silenced(product);
  RecurrentResult result = recurrence(product, {weights.hh, weights.bias_hh}, first, {.cell = cell_});
  result.last.h = padding.last(result.output, first.h);
  result.output = padding.cleared(result.output);
  return result;
}

RecurrentResult RecurrentLayer::pass_direction(size_t number, const Tensor& x, const RecurrentState& state,
                                               const SequencePadding* padding) {
  const auto own = [&](const Tensor& all) {
    return all.defined() ? all.select(0, static_cast<int64_t>(number)) : Tensor();
  };
  const Weights& weights = weights_[number];
  const RecurrentState first{own(state.h), own(state.c)};
  const bool reverse = options_.bidirectional && number % 2 == 1;
  if (!padding) {
    return recurrence(linear(x, weights.ih, weights.bias_ih), {weights.hh, weights.bias_hh}, first,
                      {.cell = cell_, .reverse = reverse});
  }
  if (!reverse) return pass_padded(weights, x, first, *padding);
  RecurrentResult result = pass_padded(weights, padding->reversed(x), first, *padding);
  result.output = padding->reversed(result.output);
  return result;
}

RecurrentLayer::Passed RecurrentLayer::pass_layers(const Tensor& x, const RecurrentState& state,
                                                   const SequencePadding* padding) {
  Passed passed{.sequence = x, .h = {}, .c = {}};
  for (int64_t layer = 0; layer < options_.num_layers; ++layer) {
    const bool drops = layer > 0 && options_.dropout > 0 && training();
    const Tensor input = drops ? dropout(passed.sequence, options_.dropout) : passed.sequence;
    std::vector<Tensor> sides;
    for (int64_t direction = 0; direction < directions(); ++direction) {
      const RecurrentResult side =
          pass_direction(static_cast<size_t>(layer * directions() + direction), input, state, padding);
      sides.push_back(side.output);
      passed.h.push_back(side.last.h);
      if (side.last.c.defined()) passed.c.push_back(side.last.c);
    }
    passed.sequence = sides.size() == 1 ? sides[0] : concat(sides, 2);
  }
  return passed;
}

RecurrentLayer::Passed RecurrentLayer::pass(const Tensor& x, const RecurrentState& state,
                                            const Tensor& lengths) {
  check<ValueError>(x.defined(), "{}: the input is undefined", name(cell_));
  check_input(x);
  if (!weights_[0].ih.defined()) make(x.dim(2), x.dtype(), x.device());
  check_state("h", state.h, x.dim(options_.batch_first ? 0 : 1));
  check_state("c", state.c, x.dim(options_.batch_first ? 0 : 1));
  const Tensor timed = options_.batch_first ? x.transpose(0, 1).contiguous() : x;
  if (!lengths.defined()) return pass_layers(timed, state, nullptr);
  check_operands(name(cell_), {&x, &lengths});
  const SequencePadding padding(name(cell_), lengths, timed.dim(0), timed.dim(1));
  return pass_layers(padding.cleared(timed), state, &padding);
}

Tensor RecurrentLayer::as_given(const Tensor& sequence) const {
  return options_.batch_first ? sequence.transpose(0, 1) : sequence;
}

RecurrentLayer::Output RecurrentLayer::run(const Tensor& x, const RecurrentState& state,
                                           const Tensor& lengths) {
  const Passed passed = pass(x, state, lengths);
  return {.sequence = as_given(passed.sequence),
          .state = {.h = stack(passed.h), .c = passed.c.empty() ? Tensor() : stack(passed.c)}};
}

Tensor RecurrentLayer::forward(const Tensor& x, const Tensor& lengths) {
  const Passed passed = pass(x, {}, lengths);
  if (options_.return_sequences) return as_given(passed.sequence);
  return concat({passed.h.end() - directions(), passed.h.end()}, 1);
}

}  // namespace dlengine

// From traces of single batches to a graph for all of them.
#include <algorithm>
#include <array>
#include <utility>

#include "dlengine/core/autograd.h"
#include "dlengine/core/check.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/graph.h"
#include "dlengine/core/graph/program.h"
#include "dlengine/core/graph/tracer.h"

namespace dlengine {
namespace {

using Function = std::function<std::vector<Tensor>(const std::vector<Tensor>&)>;

/// What is traced, and how.
struct Request {
  const Function& f;
  const std::vector<TraceInput>& inputs;
  const TraceOptions& options;
};

constexpr const char* kAdvice = "trace it with any_batch = false";

GraphProgram trace_batch(const Request& request, int64_t batch, const std::vector<DType>& channels_last,
                         ConstantPool& constants) {
  const NoGrad no_grad;
  std::vector<Tensor> inputs;
  bool given = true;  // as the caller gave it
  for (const TraceInput& input : request.inputs) {
    Shape shape = input.shape;
    if (request.options.any_batch && input.batched) shape[0] = batch;
    given = given && shape == input.shape;
    inputs.push_back(empty(shape, input.dtype, request.options.device));
  }
  Tracer tracer(request.options.device, channels_last, constants);
  for (const Tensor& input : inputs) tracer.add_input(input);
  try {
    return tracer.finish(request.f(inputs));
  } catch (ShapeError& error) {
    if (given) throw;
    error.add_context(
        fmt::format("trace tries a batch of {}, as the graph is to take all sizes; else {}", batch, kAdvice));
    throw;
  }
}

bool same_kind(const GraphView& a, const GraphView& b) {
  return a.value == b.value && a.dtype == b.dtype && a.shape.size() == b.shape.size();
}

bool same_kinds(const std::vector<GraphView>& a, const std::vector<GraphView>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), same_kind);
}

/// The same but for sizes and positions.
bool same_calls(const GraphProgram& a, const GraphProgram& b) {
  const bool values = std::equal(
      a.values.begin(), a.values.end(), b.values.begin(), b.values.end(),
      [](const GraphValue& x, const GraphValue& y) { return x.kind == y.kind && x.number == y.number; });
  const bool calls = std::equal(a.calls.begin(), a.calls.end(), b.calls.begin(), b.calls.end(),
                                [](const GraphCall& x, const GraphCall& y) {
                                  return x.function == y.function && same(x.attributes, y.attributes) &&
                                         same_kinds(x.tensors, y.tensors);
                                });
  return values && calls && same_kinds(a.outputs, b.outputs);
}

/// All sizes and positions, in an order that depends on the calls alone.
std::vector<GraphSize*> sizes_in(GraphProgram& program) {
  std::vector<GraphSize*> all;
  const auto add_view = [&](GraphView& view) {
    all.push_back(&view.offset);
    for (GraphSize& size : view.shape) all.push_back(&size);
    for (GraphSize& stride : view.strides) all.push_back(&stride);
  };
  for (GraphValue& value : program.values) all.push_back(&value.bytes);
  for (GraphCall& call : program.calls) std::for_each(call.tensors.begin(), call.tensors.end(), add_view);
  std::for_each(program.outputs.begin(), program.outputs.end(), add_view);
  return all;
}

// Not 1: axes of size 1 are treated in their own way. The third trace proves that sizes are linear.
constexpr std::array<int64_t, 3> kBatches = {2, 3, 5};

GraphProgram trace_any_batch(const Request& request, const std::vector<DType>& channels_last,
                             ConstantPool& constants) {
  std::array<GraphProgram, kBatches.size()> traced;
  for (size_t i = 0; i < kBatches.size(); ++i) {
    traced[i] = trace_batch(request, kBatches[i], channels_last, constants);
  }
  check<ValueError>(same_calls(traced[0], traced[1]) && same_calls(traced[0], traced[2]),
                    "trace: batches of other sizes are computed otherwise, so no graph fits all of them; {}",
                    kAdvice);
  const std::array sizes = {sizes_in(traced[0]), sizes_in(traced[1]), sizes_in(traced[2])};
  for (size_t i = 0; i < sizes[0].size(); ++i) {
    const int64_t first = sizes[0][i]->fixed, second = sizes[1][i]->fixed, third = sizes[2][i]->fixed;
    const int64_t per_sample = (second - first) / (kBatches[1] - kBatches[0]);
    const int64_t fixed = first - per_sample * kBatches[0];
    check<ValueError>(fixed + per_sample * kBatches[2] == third,
                      "trace: a size is {}, {} and {} for batches of {}, {} and {}, which is not linear; {}",
                      first, second, third, kBatches[0], kBatches[1], kBatches[2], kAdvice);
    *sizes[0][i] = {fixed, per_sample};
  }
  return std::move(traced[0]);
}

/// The element types whose images the CPU wants channels-last.
std::vector<DType> channels_last_types() {
  std::vector<DType> types;
  for (const DType dtype : {DType::f16, DType::bf16, DType::f32, DType::f64}) {
    if (backend_for(kCpu).wants_channels_last(dtype)) types.push_back(dtype);
  }
  return types;
}

bool equal_programs(GraphProgram& a, GraphProgram& b) {
  if (!same_calls(a, b)) return false;
  const auto x = sizes_in(a), y = sizes_in(b);
  return std::equal(x.begin(), x.end(), y.begin(), y.end(),
                    [](const GraphSize* left, const GraphSize* right) { return *left == *right; });
}

std::vector<std::string> output_names(const std::vector<std::string>& given, size_t count) {
  check<ValueError>(given.empty() || given.size() == count, "trace: {} names are given for {} results",
                    given.size(), count);
  if (!given.empty()) return given;
  if (count == 1) return {"y"};
  std::vector<std::string> names;
  for (size_t i = 0; i < count; ++i) names.push_back(fmt::format("y{}", i));
  return names;
}

}  // namespace

// Where images lie channels-last, other calls are made than where they are row-major, so there is a program
// for either.
Graph trace(const Function& f, const std::vector<TraceInput>& inputs, const TraceOptions& options) {
  auto data = std::make_shared<GraphData>();
  bool has_batch = false;
  for (const TraceInput& input : inputs) {
    GraphPort port{input.name, input.dtype, sizes_of(input.shape)};
    const bool batched = options.any_batch && input.batched;
    check<ShapeError>(!batched || input.shape.rank() > 0, "trace: input {} has no axis for the batch",
                      input.name);
    if (batched) port.shape[0] = {0, 1};
    has_batch |= batched;
    data->inputs.push_back(port);
  }
  ConstantPool constants(options.constants, data->constants);
  const Request request{f, inputs, options};
  for (const std::vector<DType>& layouts : {channels_last_types(), std::vector<DType>()}) {
    GraphProgram program = has_batch ? trace_any_batch(request, layouts, constants)
                                     : trace_batch(request, 1, layouts, constants);
    if (data->programs.empty() || !equal_programs(data->programs.front(), program)) {
      data->programs.push_back(std::move(program));
    }
  }
  data->outputs = output_names(options.outputs, data->programs.front().outputs.size());
  if (data->programs.size() == 1) data->programs.front().channels_last.clear();
  return Graph(std::move(data), options.device);
}

}  // namespace dlengine

// Running a graph.
#include <algorithm>
#include <memory>
#include <utility>

#include "dlengine/core/autograd.h"
#include "dlengine/core/check.h"
#include "dlengine/core/graph/graph_impl.h"
#include "dlengine/core/ops/common.h"
#include "dlengine/core/small_blocks.h"

namespace dlengine {
namespace {

/// The program whose images lie as the device wants them; the row-major one suits every device.
const GraphProgram& program_for(const GraphData& data, Device device) {
  const auto fits = [&](const GraphProgram& program) {
    return std::all_of(program.channels_last.begin(), program.channels_last.end(),
                       [&](DType dtype) { return backend_for(device).wants_channels_last(dtype); });
  };
  const auto found = std::find_if(data.programs.begin(), data.programs.end(), fits);
  check<IoError>(found != data.programs.end(), "the graph has no program for {}", device);
  return *found;
}

void check_input(const GraphPort& port, const Tensor& input) {
  check<ValueError>(input.defined(), "graph: input {} is undefined", port.name);
  check<DTypeError>(input.dtype() == port.dtype, "graph: input {} must be {}, got {}", port.name, port.dtype,
                    input.dtype());
  check<ShapeError>(static_cast<size_t>(input.rank()) == port.shape.size(),
                    "graph: input {} must be {}, got {}", port.name, to_string(port.shape), input.shape());
}

/// The size of the batch that the inputs are; they agree in it.
int64_t batch_of(const std::vector<GraphPort>& ports, const std::vector<Tensor>& inputs) {
  check<ValueError>(inputs.size() == ports.size(), "graph: {} inputs are given, it has {}", inputs.size(),
                    ports.size());
  int64_t batch = -1;
  for (size_t i = 0; i < ports.size(); ++i) {
    check_input(ports[i], inputs[i]);
    for (size_t axis = 0; axis < ports[i].shape.size(); ++axis) {
      const GraphSize& size = ports[i].shape[axis];
      if (size.per_sample != 0 && batch < 0) batch = inputs[i].shape()[static_cast<int>(axis)];
    }
  }
  batch = std::max<int64_t>(batch, 0);
  for (size_t i = 0; i < ports.size(); ++i) {
    check<ShapeError>(inputs[i].shape() == at(ports[i].shape, batch), "graph: input {} must be {}{}, got {}",
                      ports[i].name, to_string(ports[i].shape),
                      batch > 0 ? fmt::format(" with N = {}", batch) : "", inputs[i].shape());
  }
  return batch;
}

/// The memory of a value while it exists.
struct Memory {
  std::shared_ptr<Storage> storage;
  int64_t offset = 0;
};

std::vector<Memory> memory_at_first(const GraphProgram& program, const NamedTensors& constants,
                                    const std::vector<Tensor>& inputs) {
  std::vector<Memory> memory(program.values.size());
  for (size_t i = 0; i < memory.size(); ++i) {
    const GraphValue& value = program.values[i];
    const auto number = static_cast<size_t>(value.number);
    if (value.kind == GraphValue::Kind::computed) continue;
    const Tensor& tensor = value.kind == GraphValue::Kind::input ? inputs[number] : constants[number].second;
    memory[i] = {tensor.storage(), tensor.offset()};
  }
  return memory;
}

Tensor tensor_at(const std::vector<Memory>& memory, const PlannedView& view) {
  if (view.value < 0) return {};
  const Memory& value = memory[static_cast<size_t>(view.value)];
  return {value.storage, value.offset + view.offset, view.shape, view.strides, view.dtype};
}

}  // namespace

Graph::Impl::Impl(std::shared_ptr<const GraphData> graph, Device where)
    : data(std::move(graph)),
      program(&program_for(*data, where)),
      device(where),
      calls(bound_calls(*program)) {
  const NoGrad no_grad;
  for (const auto& [name, tensor] : data->constants) constants.emplace_back(name, dense(tensor.to(where)));
}

std::shared_ptr<const GraphPlan> Graph::Impl::plan_for(int64_t batch) const {
  constexpr size_t kMost = 32;  // batch sizes that are remembered
  const std::lock_guard lock(mutex_);
  auto found = plans_.find(batch);
  if (found != plans_.end()) return found->second;
  if (plans_.size() == kMost) plans_.clear();
  return plans_[batch] = std::make_shared<const GraphPlan>(make_plan(*data, *program, calls, batch));
}

Graph::Graph(std::shared_ptr<const GraphData> data, Device device)
    : impl_(std::make_shared<Impl>(std::move(data), device)) {}

Graph Graph::to(Device device) const { return device == impl_->device ? *this : Graph(impl_->data, device); }
Device Graph::device() const { return impl_->device; }
const NamedTensors& Graph::constants() const { return impl_->constants; }
size_t Graph::size() const { return impl_->calls.size(); }

size_t Graph::count(std::string_view function) const {
  const std::vector<GraphCall>& calls = impl_->program->calls;
  return static_cast<size_t>(std::count_if(
      calls.begin(), calls.end(), [&](const GraphCall& call) { return call.function->name == function; }));
}

bool Graph::any_batch() const {
  const std::vector<GraphPort>& ports = impl_->data->inputs;
  return std::any_of(ports.begin(), ports.end(), [](const GraphPort& port) {
    return std::any_of(port.shape.begin(), port.shape.end(),
                       [](const GraphSize& size) { return size.per_sample != 0; });
  });
}

std::vector<Graph::Port> Graph::inputs() const {
  std::vector<Port> ports;
  for (const GraphPort& port : impl_->data->inputs) {
    ports.push_back({port.name, port.dtype, dlengine::to_string(port.shape)});
  }
  return ports;
}

std::vector<Graph::Port> Graph::outputs() const {
  std::vector<Port> ports;
  for (size_t i = 0; i < impl_->data->outputs.size(); ++i) {
    const GraphView& view = impl_->program->outputs[i];
    ports.push_back({impl_->data->outputs[i], view.dtype, dlengine::to_string(view.shape)});
  }
  return ports;
}

std::vector<Tensor> Graph::run(const std::vector<Tensor>& given) const {
  const NoGrad no_grad;
  const int64_t batch = batch_of(impl_->data->inputs, given);
  const std::shared_ptr<const GraphPlan> plan = impl_->plan_for(batch);
  std::vector<Tensor> inputs;
  for (const Tensor& input : given) inputs.push_back(dense(input.to(impl_->device)));
  std::vector<Memory> memory = memory_at_first(*impl_->program, impl_->constants, inputs);
  Backend& backend = backend_for(impl_->device);
  std::vector<Tensor> tensors;
  for (size_t i = 0; i < plan->calls.size(); ++i) {
    const GraphPlan::Call& call = plan->calls[i];
    for (const int value : call.begins) {
      const auto at = static_cast<size_t>(value);
      memory[at].storage = make_small<Storage>(static_cast<size_t>(plan->bytes[at]), impl_->device);
    }
    for (const PlannedView& view : call.zeroed) {
      Tensor whole = tensor_at(memory, view);
      backend.fill(whole, 0);
    }
    for (const PlannedView& view : call.tensors) tensors.push_back(tensor_at(memory, view));
    impl_->calls[i].run(backend, tensors);
    tensors.clear();  // or they would hold memory that has had its last use
    for (const int value : call.ends) memory[static_cast<size_t>(value)].storage.reset();
  }
  std::vector<Tensor> results;
  for (const PlannedView& view : plan->outputs) {
    const bool computed =
        impl_->program->values[static_cast<size_t>(view.value)].kind == GraphValue::Kind::computed;
    const Tensor result = tensor_at(memory, view);
    results.push_back(computed ? result : result.clone());
  }
  return results;
}

Tensor Graph::operator()(const Tensor& x) const {
  check<ValueError>(impl_->data->inputs.size() == 1 && impl_->data->outputs.size() == 1,
                    "graph: it has {} inputs and {} results; call run()", impl_->data->inputs.size(),
                    impl_->data->outputs.size());
  return run({x})[0];
}

}  // namespace dlengine

// Writing down calls, and which memory stands for what.
#include "dlengine/core/graph/tracer.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "dlengine/core/autograd.h"
#include "dlengine/core/check.h"

namespace dlengine {

constinit thread_local Tracing tracing_on_this_thread;

void refuse_in_trace(const char* does) {
  if (tracing_on_this_thread.backend) Tracer::refuse(does);
}

void note_host_values(const Tensor& tensor) {
  if (!tracing_on_this_thread.backend) return;
  static_cast<Tracer*>(tracing_on_this_thread.backend)->note_host_values(tensor);
}

// --- Constants ---

int ConstantPool::add(const std::string& name, const Tensor& tensor) {
  constants_.emplace_back(name, tensor);
  return static_cast<int>(constants_.size()) - 1;
}

int ConstantPool::number_of_known(size_t i) {
  const auto found = numbers_of_known_.find(i);
  if (found != numbers_of_known_.end()) return found->second;
  const NoGrad no_grad;
  const auto& [name, tensor] = known_[i];
  return numbers_of_known_[i] = add(name, tensor.detach().clone());
}

int ConstantPool::number_of(const Tensor& elements) {
  const Tensor here = elements.to(kCpu);
  const auto equals = [&](const Tensor& other) {
    const size_t bytes = static_cast<size_t>(here.numel()) * size_of(here.dtype());
    if (other.dtype() != here.dtype() || other.shape() != here.shape()) return false;
    return bytes == 0 || std::memcmp(other.to(kCpu).raw(), here.raw(), bytes) == 0;
  };
  for (size_t i = 0; i < constants_.size(); ++i) {
    if (constants_[i].first.starts_with("constant.") && equals(constants_[i].second))
      return static_cast<int>(i);
  }
  const auto is_taken = [&](const std::string& name) {
    return std::any_of(known_.begin(), known_.end(), [&](const auto& known) { return known.first == name; });
  };
  std::string name;
  do {
    name = fmt::format("constant.{}", unnamed_++);
  } while (is_taken(name));
  return add(name, elements.clone());
}

// --- Tracer ---

Tracer::Tracer(Device device, std::vector<DType> channels_last, ConstantPool& constants)
    : device_(device), real_(backend_for(device)), constants_(constants) {
  check<ValueError>(!tracing_on_this_thread.backend,
                    "trace: a computation that is traced cannot trace another");
  program_.channels_last = std::move(channels_last);
  tracing_on_this_thread = {this, device};
}

Tracer::~Tracer() { tracing_on_this_thread = {}; }

void Tracer::refuse(const char* does) {
  fail<ValueError>("trace: the computation {}, which a graph cannot hold", does);
}

void Tracer::note_host_values(const Tensor& tensor) {
  if (tensor.device() == device_) from_host_.push_back(tensor.storage());
}

bool Tracer::wants_channels_last(DType dtype) const {
  const std::vector<DType>& types = program_.channels_last;
  return std::find(types.begin(), types.end(), dtype) != types.end();
}

int Tracer::add_value(const std::shared_ptr<Storage>& storage, const GraphValue& value) {
  alive_.push_back(storage);
  program_.values.push_back(value);
  return static_cast<int>(program_.values.size()) - 1;
}

void Tracer::add_input(const Tensor& input) {
  const int number = static_cast<int>(program_.values.size());
  values_[input.storage().get()] = add_value(input.storage(), {GraphValue::Kind::input, number, {}});
}

GraphView Tracer::view_of(const Tensor& tensor, const GraphCall& call) {
  return tensor.defined() ? view(tensor, call.function->writes[call.tensors.size()]) : GraphView{};
}

GraphView Tracer::view(const Tensor& tensor, bool writes) {
  check<DeviceError>(tensor.device() == device_, "trace: a tensor is on {}, the computation on {}",
                     tensor.device(), device_);
  int64_t offset = tensor.offset();
  GraphView view;
  view.value = value_of(tensor, writes, offset);
  view.dtype = tensor.dtype();
  view.offset = offset;
  view.shape = sizes_of(tensor.shape());
  view.strides = sizes_of(tensor.strides());
  return view;
}

int Tracer::value_of(const Tensor& tensor, bool writes, int64_t& offset) {
  using Kind = GraphValue::Kind;
  const std::shared_ptr<Storage>& storage = tensor.storage();
  const auto found = values_.find(storage.get());
  if (found != values_.end()) {
    const Kind kind = program_.values[static_cast<size_t>(found->second)].kind;
    if (writes && kind == Kind::input) refuse("writes to its input");
    if (writes && kind == Kind::constant) refuse("writes to a tensor that it has not computed");
    return found->second;
  }
  const int known = known_constant(tensor, offset);
  if (known >= 0) {
    if (writes) refuse("writes to its weights or buffers");
    return known;
  }
  const bool from_host = std::find(from_host_.begin(), from_host_.end(), storage) != from_host_.end();
  if (writes && from_host) refuse("writes to a tensor of values of the host");
  GraphValue value;
  value.kind = writes ? Kind::computed : Kind::constant;
  if (writes) value.bytes = static_cast<int64_t>(storage->bytes());
  if (!writes) unnamed_.push_back({static_cast<int>(program_.values.size()), storage, tensor.dtype()});
  return values_[storage.get()] = add_value(storage, value);
}

int Tracer::known_constant(const Tensor& tensor, int64_t& offset) {
  const NamedTensors& known = constants_.known();
  for (size_t i = 0; i < known.size(); ++i) {
    const Tensor& whole = known[i].second;
    const int64_t from = tensor.offset() - whole.offset();
    const bool inside = whole.storage() == tensor.storage() && whole.dtype() == tensor.dtype() &&
                        whole.is_contiguous() && from >= 0 && from < std::max<int64_t>(whole.numel(), 1);
    if (!inside) continue;
    offset = from;
    const auto entry = known_values_.find(i);
    if (entry != known_values_.end()) return entry->second;
    named_.push_back({static_cast<int>(program_.values.size()), i});
    return known_values_[i] = add_value(tensor.storage(), {GraphValue::Kind::constant, 0, {}});
  }
  return -1;
}

GraphProgram Tracer::finish(const std::vector<Tensor>& results) {
  for (const Tensor& result : results) {
    check<ValueError>(result.defined(), "trace: a result is undefined");
    program_.outputs.push_back(view(result, false));
  }
  tracing_on_this_thread = {};  // constants are copied by the backend itself
  for (const auto& [value, known] : named_) {
    program_.values[static_cast<size_t>(value)].number = constants_.number_of_known(known);
  }
  const NoGrad no_grad;
  for (const auto& [value, storage, dtype] : unnamed_) {
    const auto count = static_cast<int64_t>(storage->bytes() / size_of(dtype));
    program_.values[static_cast<size_t>(value)].number =
        constants_.number_of(Tensor(storage, 0, {count}, {1}, dtype));
  }
  return std::move(program_);
}

}  // namespace dlengine

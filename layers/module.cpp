// Module: walking the tree of modules, state, moving, and the hooks around forward().
#include "dlengine/layers/module.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <unordered_set>

#include "dlengine/core/autograd.h"
#include "dlengine/core/check.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/ops/activation.h"
#include "dlengine/core/ops/dropout.h"
#include "dlengine/core/ops/elementwise.h"
#include "dlengine/layers/match_state.h"

namespace dlengine {
namespace {

struct Member {
  std::string name;
  Tensor* tensor;
};

// What one module names, without going into its children.
struct Members final : ModuleVisitor {
  std::vector<Member> parameters, buffers;
  std::vector<std::pair<std::string, Module*>> children;

  explicit Members(Module& module) { module.visit(*this); }
  void parameter(std::string_view name, Tensor& tensor) override {
    parameters.push_back({std::string(name), &tensor});
  }
  void buffer(std::string_view name, Tensor& tensor) override {
    buffers.push_back({std::string(name), &tensor});
  }
  void child(std::string_view name, Module& module) override { children.emplace_back(name, &module); }
};

std::string join(const std::string& path, const std::string& name) {
  return path.empty() ? name : path + "." + name;
}

std::string title(const Module& module) {
  const std::string options = module.description();
  return std::string(module.type_name()) + (options.empty() ? "" : "(" + options + ")");
}

void collect_modules(const std::string& path, Module& module, std::vector<NamedModule>& found) {
  found.push_back({path, &module});
  for (const auto& [name, child] : Members(module).children) collect_modules(join(path, name), *child, found);
}

void append(const NamedModule& owner, const std::vector<Member>& members, NamedTensors& found) {
  for (const auto& [name, tensor] : members) {
    const std::string path = join(owner.path, name);
    check<ValueError>(
        tensor->defined(),
        "{} of {}: its size is not known before the first input; call infer_shapes(input shape) first", path,
        title(*owner.module));
    found.emplace_back(path, *tensor);
  }
}

// The members of every module below, each module's own before its children's.
template <typename Choose>
NamedTensors collect_tensors(Module& root, const Choose& choose) {
  NamedTensors found;
  for (const NamedModule& owner : root.modules()) {
    owner.module->build();
    choose(owner, Members(*owner.module), found);
  }
  return found;
}

// Replaces every tensor by convert(tensor, its module); handles elsewhere follow.
template <typename Convert>
void replace_tensors(Module& root, const Convert& convert) {
  const NoGrad no_grad;
  for (const NamedModule& owner : root.modules()) {
    owner.module->build();
    Members members(*owner.module);
    members.parameters.insert(members.parameters.end(), members.buffers.begin(), members.buffers.end());
    for (const auto& [name, tensor] : members.parameters) {
      if (!tensor->defined()) continue;
      const Tensor converted = convert(tensor->detach(), *owner.module);
      if (converted.storage() != tensor->storage()) tensor->set_data(converted);
    }
  }
}

thread_local ForwardObserver* newest_observer = nullptr;

}  // namespace

Tensor Module::forward_with(const Ending& ending, const Tensor& x) {
  const Tensor y = forward(x), activated = ending.activation == Activation::relu ? relu(y) : y;
  return ending.dropout > 0 ? dropout(activated, ending.dropout) : activated;
}

Tensor Module::forward_affine(const Affine&, const Ending&, const Tensor&) {
  fail<ValueError>("{} has no weights that could be replaced", type_name());
}

void Module::passed_over(const Shape& shape) {
  if (newest_observer) newest_observer->called(*this, shape, shape);
}

Tensor Module::call(const Ending& ending, const Tensor& x) {
  return observed(x, [&] { return ending.is_none() ? forward(x) : forward_with(ending, x); });
}

Tensor Module::call_affine(const Affine& weights, const Ending& ending, const Tensor& x) {
  return observed(x, [&] { return forward_affine(weights, ending, x); });
}

template <typename F>
Tensor Module::observed(const Tensor& x, const F& f) {
  try {
    check<ValueError>(x.defined(), "the input is undefined");
    Tensor y = f();
    if (newest_observer) {
      newest_observer->called(*this, x.shape(), y.shape());
      newest_observer->computed(*this, y);
    }
    return y;
  } catch (Error& error) {
    error.add_context(title(*this));
    throw;
  }
}

void Module::train(bool on) {
  for (const NamedModule& below : modules()) below.module->training_ = on;
}

bool Module::training() const { return training_ && std::atomic_ref(evaluations_).load() == 0; }

std::vector<NamedModule> Module::modules() {
  std::vector<NamedModule> found;
  collect_modules("", *this, found);
  return found;
}

const Module* Module::first_not_replayable() {
  for (const NamedModule& below : modules()) {
    if (!below.module->replayable()) return below.module;
  }
  return nullptr;
}

NamedTensors Module::named_parameters() {
  NamedTensors found =
      collect_tensors(*this, [](const NamedModule& owner, const Members& members, NamedTensors& to) {
        append(owner, members.parameters, to);
      });
  std::unordered_set<const void*> seen;
  std::erase_if(found, [&](const auto& named) { return !seen.insert(named.second.impl().get()).second; });
  return found;
}

NamedTensors Module::named_buffers() {
  return collect_tensors(*this, [](const NamedModule& owner, const Members& members, NamedTensors& to) {
    append(owner, members.buffers, to);
  });
}

NamedTensors Module::state() {
  return collect_tensors(*this, [](const NamedModule& owner, const Members& members, NamedTensors& to) {
    append(owner, members.parameters, to);
    append(owner, members.buffers, to);
  });
}

std::vector<Tensor> Module::parameters() {
  std::vector<Tensor> tensors;
  for (auto& [name, tensor] : named_parameters()) tensors.push_back(std::move(tensor));
  return tensors;
}

int64_t Module::parameter_count() {
  int64_t count = 0;
  for (const Tensor& tensor : parameters()) count += tensor.numel();
  return count;
}

LoadResult Module::load_state(const NamedTensors& given, const LoadOptions& options) {
  NamedTensors own = state();
  const StateMatch match = match_state(own, given, options);
  const NoGrad no_grad;
  for (auto& [name, tensor] : own) {
    const auto value = match.values.find(name);
    if (value != match.values.end()) tensor.copy_(value->second);
  }
  return match.passed_over;
}

void Module::to(Device device) {
  replace_tensors(*this, [&](const Tensor& tensor, const Module&) { return tensor.to(device); });
}

void Module::to(DType dtype) {
  check<DTypeError>(is_floating(dtype), "Module::to: parameters need a floating type, not {}", dtype);
  replace_tensors(*this, [&](const Tensor& tensor, const Module& owner) {
    return tensor.to(owner.parameter_type(dtype));
  });
}

void Module::infer_shapes(const Shape& input, DType dtype, Device device) {
  const NoGrad no_grad;
  const EvaluationMode evaluation(*this);
  (*this)(zeros(input, input_type(dtype), device));
}

EvaluationMode::EvaluationMode(Module& module) {
  for (const NamedModule& below : module.modules()) {
    modules_.push_back(below.module);
    ++std::atomic_ref(below.module->evaluations_);
  }
}

EvaluationMode::~EvaluationMode() {
  for (const Module* module : modules_) --std::atomic_ref(module->evaluations_);
}

ForwardObserver::ForwardObserver() : previous_(std::exchange(newest_observer, this)) {}

ForwardObserver::~ForwardObserver() { newest_observer = previous_; }

ForwardObserver* ForwardObserver::newest() { return newest_observer; }

void save_weights(Module& module, const std::string& path) { save_safetensors(path, module.state()); }

LoadResult load_weights(Module& module, const std::string& path, const LoadOptions& options) {
  const SafetensorsFile file = load_safetensors(path);
  try {
    return module.load_state(file.tensors, options);
  } catch (Error& error) {
    error.add_context(path);
    throw;
  }
}

}  // namespace dlengine

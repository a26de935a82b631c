// The gradient checker for layers and whole models.
#include "dlengine/layers/gradcheck_module.h"

#include "dlengine/core/autograd.h"
#include "dlengine/core/random.h"

namespace dlengine {
namespace {

// Where the handles of all parameters are; a shared parameter has several places.
struct Places final : ModuleVisitor {
  std::vector<Tensor*> places;
  explicit Places(Module& module) {
    for (const NamedModule& below : module.modules()) below.module->visit(*this);
  }
  void parameter(std::string_view, Tensor& tensor) override { places.push_back(&tensor); }
  void buffer(std::string_view, Tensor&) override {}
  void child(std::string_view, Module&) override {}
};

// Lets a module compute with other parameters, and puts everything back at its end.
class Substitution {
 public:
  explicit Substitution(Module& module)
      : module_(module), random_(default_generator().state()), places_(Places(module).places) {
    for (const Tensor* place : places_) originals_.push_back(*place);
    for (const auto& [name, buffer] : module.named_buffers()) buffers_.emplace_back(buffer, buffer.clone());
  }
  ~Substitution() {
    for (size_t i = 0; i < places_.size(); ++i) *places_[i] = originals_[i];
    const NoGrad no_grad;
    for (auto& [buffer, before] : buffers_) buffer.copy_(before);
  }
  Substitution(const Substitution&) = delete;
  Substitution& operator=(const Substitution&) = delete;

  // inputs: x, then what stands for each of the parameters.
  Tensor run(const std::vector<Tensor>& parameters, const std::vector<Tensor>& inputs) {
    for (size_t i = 0; i < places_.size(); ++i) {
      for (size_t j = 0; j < parameters.size(); ++j) {
        if (originals_[i].impl() == parameters[j].impl()) *places_[i] = inputs[j + 1];
      }
    }
    default_generator().set_state(random_);
    return module_(inputs[0]);
  }

 private:
  Module& module_;
  Generator::State random_;
  std::vector<Tensor*> places_;
  std::vector<Tensor> originals_;
  std::vector<std::pair<Tensor, Tensor>> buffers_;
};

}  // namespace

GradcheckResult gradcheck(Module& module, const Tensor& x, const GradcheckOptions& options) {
  module.infer_shapes(x.shape(), x.dtype(), x.device());
  const std::vector<Tensor> parameters = module.parameters();
  std::vector<Tensor> inputs = {x};
  inputs.insert(inputs.end(), parameters.begin(), parameters.end());
  Substitution substitution(module);
  return gradcheck([&](const std::vector<Tensor>& given) { return substitution.run(parameters, given); },
                   inputs, options);
}

}  // namespace dlengine

// A model prepared for inference.
#include "dlengine/train/predictor.h"

#include <algorithm>
#include <vector>

#include "dlengine/core/autograd.h"

namespace dlengine {
namespace {

Tensor evaluate(Module& model, const Tensor& x) {
  const NoGrad no_grad;
  const EvaluationMode mode(model);
  return model(x);
}

bool all_replayable(Module& model) {
  const std::vector<NamedModule> modules = model.modules();
  return std::all_of(modules.begin(), modules.end(),
                     [](const NamedModule& named) { return named.module->replayable(); });
}

}  // namespace

Predictor::Predictor(Module& model, Device device)
    : model_(model),
      device_(device),
      replayable_(all_replayable(model)),
      step_(device, [&model](const std::vector<Tensor>& x) { return std::vector{evaluate(model, x[0])}; }) {
  model.to(device);
}

Tensor Predictor::operator()(const Tensor& x) {
  return replayable_ ? step_({x})[0] : evaluate(model_, x.to(device_));
}

}  // namespace dlengine

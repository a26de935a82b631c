// A model prepared for inference.
#include "dlengine/train/predictor.h"

#include <vector>

#include "dlengine/core/autograd.h"

namespace dlengine {
namespace {

Tensor evaluate(Module& model, const Tensor& x) {
  const NoGrad no_grad;
  const EvaluationMode mode(model);
  return model(x);
}

}  // namespace

Predictor::Predictor(Module& model, Device device)
    : model_(model),
      device_(device),
      replayable_(!model.first_not_replayable()),
      step_(device, [&model](const std::vector<Tensor>& x) { return std::vector{evaluate(model, x[0])}; }) {
  model.to(device);
}

Tensor Predictor::operator()(const Tensor& x) {
  return replayable_ ? step_({x})[0] : evaluate(model_, x.to(device_));
}

}  // namespace dlengine

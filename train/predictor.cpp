// A model prepared for inference.
#include "dlengine/train/predictor.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "dlengine/core/autograd.h"
#include "dlengine/core/capture.h"

namespace dlengine {
namespace {

Tensor evaluate(Module& model, const Tensor& x) {
  const NoGrad no_grad;
  const EvaluationMode mode(model);
  return model(x);
}

/// Parameters and buffers of the model, also those that are undefined before the first input.
std::vector<Tensor> tensors_of(Module& model) {
  struct Collector final : ModuleVisitor {
    std::vector<Tensor> found;
    void parameter(std::string_view, Tensor& tensor) override { found.push_back(tensor); }
    void buffer(std::string_view, Tensor& tensor) override { found.push_back(tensor); }
    void child(std::string_view, Module&) override {}
  } collector;
  for (const NamedModule& below : model.modules()) below.module->visit(collector);
  return collector.found;
}

bool is_undefined(const Tensor& tensor) { return !tensor.defined(); }

/// What recorded steps rely on.
std::vector<Tensor> constants_of(Module& model, const FoldedNorms& folded) {
  std::vector<Tensor> constants = tensors_of(model);
  std::erase_if(constants, is_undefined);
  for (const Tensor& tensor : folded.tensors()) constants.push_back(tensor);
  return constants;
}

}  // namespace

Predictor::Predictor(Module& model, Device device)
    : model_(model), device_(device), replayable_(!model.first_not_replayable()) {
  model.to(device);
}

void Predictor::prepare(const Tensor& x) {
  const std::vector<Tensor> tensors = tensors_of(model_);
  const bool incomplete = std::any_of(tensors.begin(), tensors.end(), is_undefined);
  if (incomplete) evaluate(model_, x.to(device_));  // which makes what its sizes tell
  folded_ = std::make_unique<FoldedNorms>(model_);
  if (!replayable_) return;
  step_ = std::make_unique<CapturedStep>(
      device_,
      [&model = model_](const std::vector<Tensor>& in) { return std::vector{evaluate(model, in[0])}; },
      [&model = model_, &folded = *folded_] { return constants_of(model, folded); });
}

Tensor Predictor::operator()(const Tensor& x) {
  if (Capture::current()) return evaluate(model_, x.to(device_));  // weights may change between its replays
  if (!folded_) prepare(x);
  folded_->update();
  const FoldedNorms::Use use(*folded_);
  return step_ ? (*step_)({x})[0] : evaluate(model_, x.to(device_));
}

}  // namespace dlengine

// A model prepared for inference.
#include "dlengine/train/predictor.h"

#include <utility>
#include <vector>

#include "dlengine/core/capture.h"
#include "dlengine/train/inference.h"

namespace dlengine {
namespace {

/// What recorded steps rely on.
std::vector<Tensor> constants_of(Module& model, const FoldedNorms& folded) {
  std::vector<Tensor> constants = tensors_of(model);
  std::erase_if(constants, [](const Tensor& tensor) { return !tensor.defined(); });
  for (const Tensor& tensor : folded.tensors()) constants.push_back(tensor);
  return constants;
}

/// Later work of the second stream comes after all that the first one has.
void order(const Stream& first, const Stream& then) {
  Event done(first.device());
  done.record(first);
  done.block(then);
}

}  // namespace

Predictor::Predictor(Module& model, Device device)
    : model_(model),
      device_(device),
      replayable_(!model.first_not_replayable()),
      mutex_(std::make_unique<std::mutex>()),
      stream_(current_stream(device)) {
  model.to(device);
}

void Predictor::prepare(const Tensor& x) {
  if (!is_complete(model_)) output_of(model_, x.to(device_));  // which makes what its sizes tell
  folded_ = std::make_unique<FoldedNorms>(model_);
  if (!replayable_) return;
  step_ = std::make_unique<CapturedStep>(
      device_,
      [&model = model_](const std::vector<Tensor>& in) { return std::vector{output_of(model, in[0])}; },
      [&model = model_, &folded = *folded_] { return constants_of(model, folded); });
}

Tensor Predictor::call(const Tensor& x) {
  if (!folded_) prepare(x);
  folded_->update();
  const FoldedNorms::Use use(*folded_);
  return step_ ? (*step_)({x})[0].clone() : output_of(model_, x.to(device_));
}

Tensor Predictor::operator()(const Tensor& x) {
  if (Capture::current()) return output_of(model_, x.to(device_));  // weights may change between its replays
  const std::scoped_lock lock(*mutex_);
  const Stream callers = current_stream(device_);
  if (callers.handle() == stream_.handle()) return call(x);
  order(callers, stream_);
  Tensor y;
  {
    const StreamGuard guard(stream_);
    y = call(x);
  }
  order(stream_, callers);
  return y;
}

}  // namespace dlengine

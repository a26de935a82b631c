// A model prepared for inference.
#pragma once

#include "dlengine/core/tensor.h"
#include "dlengine/layers/module.h"
#include "dlengine/train/captured_step.h"

namespace dlengine {

/// Calls a model in evaluation mode and off the tape; from the fourth call with inputs of one shape on
/// without its host code, as CapturedStep. For a model of parts that do not say that they are replayable,
/// every call runs as usual. Weights may change between calls, but must stay where they are; the model must
/// outlive this object.
class Predictor {
 public:
  /// Moves the model to the device.
  explicit Predictor(Module& model, Device device = kCpu);

  /// The model's output, on the device; the next call with an input of this shape overwrites it. x may be on
  /// any device.
  Tensor operator()(const Tensor& x);

 private:
  Module& model_;
  Device device_;
  bool replayable_;
  CapturedStep step_;
};

}  // namespace dlengine

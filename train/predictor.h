// A model prepared for inference.
#pragma once

#include <memory>
#include <mutex>

#include "dlengine/core/stream.h"
#include "dlengine/core/tensor.h"
#include "dlengine/layers/folded_norms.h"
#include "dlengine/layers/module.h"
#include "dlengine/train/captured_step.h"

namespace dlengine {

/// Calls a model in evaluation mode and off the tape; from the fourth call with inputs of one shape on
/// without its host code, as CapturedStep, whose bound on the number of shapes holds. For a model of parts
/// that do not say that they are replayable, every call runs as usual.
///
/// Threads may share one: their calls come one after the other. For requests side by side give each thread a
/// Predictor of its own on the one model, whose tensors must exist (Module::infer_shapes) and stay as they
/// are meanwhile.
///
/// Work on weights alone is done ahead: batch norms are folded into the layers before them (FoldedNorms),
/// which rounds otherwise than the model itself, and filters are brought into the form in which kernels read
/// them. The model is left as it is; it must outlive this object. Each call sees whether its tensors were
/// trained, loaded, written to or moved in between, and prepares anew. Only writes through raw addresses
/// (Tensor::data) go unseen: call storage()->bump_version() on what was written.
class Predictor {
 public:
  /// Moves the model to the device.
  explicit Predictor(Module& model, Device device = kCpu);

  /// The model's output, on the device, in memory of its own. x may be on any device.
  Tensor operator()(const Tensor& x);

 private:
  void prepare(const Tensor& x);
  Tensor call(const Tensor& x);

  Module& model_;
  Device device_;
  bool replayable_;
  std::unique_ptr<std::mutex> mutex_;    // of a call; all below is used under it
  Stream stream_;                        // where all calls queue their work, as recordings share memory
  std::unique_ptr<FoldedNorms> folded_;  // null before the first call
  std::unique_ptr<CapturedStep> step_;   // null if the model is not replayable, too
};

}  // namespace dlengine

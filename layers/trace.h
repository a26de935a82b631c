// Models as static graphs.
#pragma once

#include "dlengine/core/graph.h"
#include "dlengine/layers/module.h"

namespace dlengine {

struct ModelTraceOptions {
  DType dtype = DType::f32;  // of the input
  bool any_batch = true;     // else batches of the given shape only
};

/// What the model does in evaluation mode with an input x of this shape (batch size included), on the model's
/// device, as a graph: it gives the same bits, and has the names of the model's tensors for the weights, of
/// which it keeps a copy. Layers whose sizes the input tells get them. Throws as trace() in core/graph.h,
/// naming the layer.
Graph trace(Module& model, const Shape& input, const ModelTraceOptions& options = {});

}  // namespace dlengine

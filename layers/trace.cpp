// Models as static graphs.
#include "dlengine/layers/trace.h"

#include "dlengine/core/error.h"

namespace dlengine {
namespace {

/// Parameters and buffers; a model that lacks some is shown its input.
NamedTensors complete_state(Module& model, const Shape& input, DType dtype) {
  try {
    return model.state();
  } catch (const ValueError&) {
    model.infer_shapes(input, dtype);
    return model.state();
  }
}

}  // namespace

Graph trace(Module& model, const Shape& input, const ModelTraceOptions& options) {
  TraceOptions request{.constants = complete_state(model, input, options.dtype),
                       .any_batch = options.any_batch};
  if (!request.constants.empty()) request.device = request.constants.front().second.device();
  const EvaluationMode evaluation(model);
  return trace([&](const std::vector<Tensor>& in) { return std::vector{model(in[0])}; },
               {{.name = "x", .shape = input, .dtype = options.dtype}}, request);
}

}  // namespace dlengine

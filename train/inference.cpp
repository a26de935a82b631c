// A model's output alone.
#include "dlengine/train/inference.h"

#include <algorithm>

#include "dlengine/core/autograd.h"
#include "dlengine/data/read_batch.h"

namespace dlengine {

Tensor output_of(Module& model, const Tensor& x) {
  const NoGrad no_grad;
  const EvaluationMode mode(model);
  return model(x);
}

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

bool is_complete(Module& model) {
  const std::vector<Tensor> tensors = tensors_of(model);
  return std::all_of(tensors.begin(), tensors.end(), [](const Tensor& tensor) { return tensor.defined(); });
}

Batch first_sample(const Dataset& data) {
  const int64_t first[] = {0};
  return read_batch(data, first);
}

}  // namespace dlengine

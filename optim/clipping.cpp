// Gradients that are too large.
#include "dlengine/optim/clipping.h"

#include "dlengine/core/autograd.h"
#include "dlengine/core/check.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/ops.h"

namespace dlengine {
namespace {

Tensor number_like(const Tensor& x, double value) { return scalar(value, x.dtype(), x.device()); }

}  // namespace

Tensor global_norm(const std::vector<Tensor>& tensors) {
  check<ValueError>(!tensors.empty(), "global_norm: need a tensor or more, got none");
  const NoGrad no_grad;
  Tensor squares;
  for (const Tensor& tensor : tensors) {
    const Tensor part = sum(square(tensor));
    squares = squares.defined() ? squares + part : part;
  }
  return sqrt(squares);
}

std::vector<Tensor> clipped(std::vector<Tensor> tensors, const Clipping& clipping) {
  check<ValueError>(clipping.value >= 0 && clipping.norm >= 0,
                    "clipping: need value and norm >= 0, got {} and {}", clipping.value, clipping.norm);
  if (tensors.empty()) return tensors;
  const NoGrad no_grad;
  if (clipping.value > 0) {
    const Tensor low = number_like(tensors[0], -clipping.value),
                 high = number_like(tensors[0], clipping.value);
    for (Tensor& tensor : tensors) tensor = maximum(minimum(tensor, high), low);
  }
  if (clipping.norm > 0) {
    const Tensor one = number_like(tensors[0], 1);
    const Tensor scale = minimum(clipping.norm / (global_norm(tensors) + 1e-6), one);
    for (Tensor& tensor : tensors) tensor = tensor * scale;
  }
  return tensors;
}

}  // namespace dlengine

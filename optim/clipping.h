// Gradients that are too large.
#pragma once

#include <vector>

#include "dlengine/core/tensor.h"

namespace dlengine {

/// Bounds on gradients; 0: none. The first applies first.
struct Clipping {
  double value = 0;  // elements below -value or above value become that
  double norm = 0;   // all are multiplied by norm / (their norm + 1e-6) where that is below 1, as in PyTorch
  bool operator==(const Clipping&) const = default;
};

/// Euclidean norm of the elements of all tensors, []. They have one floating type and device. Throws
/// ValueError for none. On the device, without a wait.
Tensor global_norm(const std::vector<Tensor>& tensors);

/// The tensors as the bounds allow, off the tape; the same ones where there are no bounds. Throws ValueError
/// for bounds < 0. On the device, without a wait.
std::vector<Tensor> clipped(std::vector<Tensor> tensors, const Clipping& clipping);

}  // namespace dlengine

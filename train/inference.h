// Internal: a model's output alone, and what it takes to have one.
#pragma once

#include <vector>

#include "dlengine/core/tensor.h"
#include "dlengine/data/dataset.h"
#include "dlengine/layers/module.h"

namespace dlengine {

/// In evaluation mode and off the tape.
Tensor output_of(Module& model, const Tensor& x);

/// Parameters and buffers of the model, also those that are undefined before the first input.
std::vector<Tensor> tensors_of(Module& model);

/// False if there are undefined ones.
bool is_complete(Module& model);

/// A batch of one.
Batch first_sample(const Dataset& data);

}  // namespace dlengine

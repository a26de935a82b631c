// Internal: which values belong to which tensors of a module.
#pragma once

#include <map>
#include <string>

#include "dlengine/core/io/safetensors.h"
#include "dlengine/core/tensor.h"

namespace dlengine {

/// The values for a module's own tensors, by name. Throws as Module::load_state() unless they fit.
std::map<std::string, Tensor> match_state(const NamedTensors& own, const NamedTensors& given);

}  // namespace dlengine

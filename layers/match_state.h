// Internal: which values belong to which tensors of a module.
#pragma once

#include <map>
#include <string>

#include "dlengine/core/io/safetensors.h"
#include "dlengine/core/tensor.h"
#include "dlengine/layers/module.h"

namespace dlengine {

struct StateMatch {
  std::map<std::string, Tensor> values = {};  // for the module's own tensors, by name
  LoadResult passed_over = {};                // nothing if strict
};

/// Throws as Module::load_state() unless they fit.
StateMatch match_state(const NamedTensors& own, const NamedTensors& given, const LoadOptions& options = {});

}  // namespace dlengine

// The gradient checker for layers and whole models.
#pragma once

#include "dlengine/core/gradcheck.h"
#include "dlengine/layers/module.h"

namespace dlengine {

/// gradcheck() of forward() for x (where it requires a gradient) and every parameter, all f64. Random layers
/// draw the same numbers in every pass. Afterwards parameters and buffers are as they were. Throws as
/// gradcheck().
GradcheckResult gradcheck(Module& module, const Tensor& x, const GradcheckOptions& options = {});

}  // namespace dlengine

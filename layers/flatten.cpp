// Joins axes.
#include "dlengine/layers/flatten.h"

namespace dlengine {

std::string Flatten::description() const { return start_ == 1 ? "" : "from axis " + std::to_string(start_); }

Tensor Flatten::forward(const Tensor& x) { return x.flatten(start_, -1); }

}  // namespace dlengine

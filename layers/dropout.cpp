// Dropout layer.
#include "dlengine/layers/dropout.h"

#include "dlengine/core/check.h"
#include "dlengine/core/ops/dropout.h"

namespace dlengine {

Dropout::Dropout(double p) : p_(p) {
  check<ValueError>(p >= 0 && p <= 1, "Dropout: need 0 <= p <= 1, got {}", p);
}

std::string Dropout::description() const { return fmt::format("{}", p_); }

Tensor Dropout::forward(const Tensor& x) { return training() ? dropout(x, p_) : x; }

Ending Dropout::as_ending() const { return training() && p_ < 1 ? Ending(Activation::none, p_) : Ending(); }

}  // namespace dlengine

// Dropout. Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov, JMLR 15 (2014).
#pragma once

#include "dlengine/core/random.h"
#include "dlengine/core/tensor.h"

namespace dlengine {

/// Sets a share p of the elements to 0 and multiplies the others by 1 / (1 - p), so the expected value stays.
/// The mask is not stored: backward draws it again. p = 1 gives zeros. Types: floating. Grads: x. Throws
/// ValueError unless 0 <= p <= 1, DTypeError.
Tensor dropout(const Tensor& x, double p, Generator& generator = default_generator());

}  // namespace dlengine

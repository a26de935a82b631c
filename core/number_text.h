// Internal: columns of numbers as NumPy prints them.
#pragma once

#include <string>
#include <vector>

#include "dlengine/core/dtype.h"

namespace dlengine {

/// Texts of one width: the fewest digits, at most 8 behind the point, that tell the values from others of the
/// type; in powers of ten where the sizes are far apart, as numpy.array2string chooses.
std::vector<std::string> number_texts(const std::vector<double>& values, DType dtype);

}  // namespace dlengine

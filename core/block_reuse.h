// Which kept blocks of memory serve which requests.
#pragma once

#include <cstddef>

namespace dlengine {

/// A kept block may be up to so many times as large as what is asked for: with more, a tensor that stays
/// would hold much more than it needs; with less, a step would need more memory of its own.
inline constexpr size_t kMostWaste = 3;

}  // namespace dlengine

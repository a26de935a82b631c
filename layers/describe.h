// Internal: options in words, for description(). Not included from public headers.
#pragma once

#include <string>

#include "dlengine/core/check.h"
#include "dlengine/core/op_params.h"

namespace dlengine {

/// "3x5".
inline std::string text(Size2 size) { return fmt::format("{}x{}", size.h, size.w); }

/// ", padding 1x1", or nothing where the value is the usual one.
inline std::string unless_usual(const char* name, Size2 value, Size2 usual) {
  return value == usual ? std::string() : fmt::format(", {} {}", name, text(value));
}

}  // namespace dlengine

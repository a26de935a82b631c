// Internal: throws a typed error with a formatted message. Never included from a public header (it brings
// fmt).
#pragma once

#include <utility>

#include "dlengine/core/error.h"
#include "dlengine/core/format.h"

namespace dlengine {

/// Throws E with the formatted message.
template <typename E, typename... Args>
[[noreturn]] void fail(fmt::format_string<Args...> format, Args&&... args) {
  throw E(fmt::format(format, std::forward<Args>(args)...));
}

/// Throws E with the formatted message unless ok.
template <typename E, typename... Args>
void check(bool ok, fmt::format_string<Args...> format, Args&&... args) {
  if (!ok) [[unlikely]] {
    fail<E>(format, std::forward<Args>(args)...);
  }
}

}  // namespace dlengine

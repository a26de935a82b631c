// Whether an object that a step calls may be replayed.
#pragma once

namespace dlengine {

/// F::kReplayable, or false where there is none: a function may do more than tensor operations.
template <typename F>
constexpr bool says_replayable() {
  if constexpr (requires { F::kReplayable; }) return F::kReplayable;
  return false;
}

}  // namespace dlengine

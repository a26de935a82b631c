// Internal: what several optimizers ask of their options.
#pragma once

#include <cmath>
#include <initializer_list>
#include <string_view>
#include <utility>

#include "dlengine/core/check.h"
#include "dlengine/optim/optimizer.h"

namespace dlengine {

using NamedNumber = std::pair<std::string_view, double>;

inline void check_shares(std::string_view optimizer, std::initializer_list<NamedNumber> shares) {
  for (const auto& [name, value] : shares) {
    check<ValueError>(value >= 0 && value < 1, "{}: need 0 <= {} < 1, got {}", optimizer, name, value);
  }
}

inline void check_not_negative(std::string_view optimizer, std::initializer_list<NamedNumber> numbers) {
  for (const auto& [name, value] : numbers) {
    check<ValueError>(value >= 0 && std::isfinite(value), "{}: need {} >= 0, got {}", optimizer, name, value);
  }
}

/// Keras only knows decoupled decay.
inline bool decays(Defaults defaults, bool decoupled) { return defaults != Defaults::keras || decoupled; }

inline void check_decay(std::string_view optimizer, Defaults defaults, double weight_decay, bool decoupled) {
  check_not_negative(optimizer, {{"weight_decay", weight_decay}});
  check<ValueError>(decays(defaults, decoupled) || weight_decay == 0,
                    "{}: Keras's weight_decay is decoupled; set .decoupled = true", optimizer);
}

}  // namespace dlengine

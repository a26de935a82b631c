// A learning rate that falls when training gets no further.
#include "dlengine/optim/plateau.h"

#include <algorithm>
#include <cmath>

#include "dlengine/core/check.h"

namespace dlengine {

ReduceOnPlateau::ReduceOnPlateau(const PlateauOptions& options) : options_(options) {
  check<ValueError>(options.factor > 0 && options.factor < 1, "ReduceOnPlateau: need 0 < factor < 1, got {}",
                    options.factor);
  check<ValueError>(options.patience >= 0 && options.cooldown >= 0,
                    "ReduceOnPlateau: need patience and cooldown >= 0, got {} and {}", options.patience,
                    options.cooldown);
  check<ValueError>(options.threshold >= 0 && std::isfinite(options.threshold) && options.least >= 0 &&
                        std::isfinite(options.least),
                    "ReduceOnPlateau: need threshold and least >= 0, got {} and {}", options.threshold,
                    options.least);
}

double ReduceOnPlateau::update(double loss) {
  if (loss < state_.best * (1 - options_.threshold)) {
    state_.best = loss;
    state_.bad_epochs = 0;
  } else {
    ++state_.bad_epochs;
  }
  if (state_.cooldown > 0) {
    --state_.cooldown;
    state_.bad_epochs = 0;
  }
  if (state_.bad_epochs > options_.patience) {
    state_.factor = std::max(state_.factor * options_.factor, std::min(options_.least, state_.factor));
    state_.cooldown = options_.cooldown;
    state_.bad_epochs = 0;
  }
  return state_.factor;
}

}  // namespace dlengine

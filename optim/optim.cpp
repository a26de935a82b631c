// Optimizers by name.
#include "dlengine/optim/optim.h"

#include "dlengine/core/check.h"

namespace dlengine {

std::unique_ptr<Optimizer> make_optimizer(std::string_view name, std::optional<double> lr, Variant variant) {
  if (name == "sgd" || name == "momentum" || name == "nesterov") {
    return std::make_unique<SGD>(SgdOptions{.lr = lr.value_or(SgdOptions().lr),
                                            .momentum = name == "sgd" ? 0 : 0.9,
                                            .nesterov = name == "nesterov",
                                            .variant = variant});
  }
  if (name == "rmsprop") return std::make_unique<RMSprop>(RmspropOptions{.lr = lr, .variant = variant});
  if (name == "adam" || name == "adamw") {
    const bool decoupled = name == "adamw";
    const double decay = variant == Variant::keras ? 0.004 : 0.01;
    return std::make_unique<Adam>(AdamOptions{.lr = lr.value_or(AdamOptions().lr),
                                              .weight_decay = decoupled ? decay : 0,
                                              .decoupled = decoupled,
                                              .variant = variant});
  }
  fail<ValueError>("make_optimizer: there are sgd, momentum, nesterov, rmsprop, adam and adamw, not '{}'",
                   name);
}

}  // namespace dlengine

// Every optimizer and schedule.
#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "dlengine/optim/adam.h"
#include "dlengine/optim/optimizer.h"
#include "dlengine/optim/rmsprop.h"
#include "dlengine/optim/schedule.h"
#include "dlengine/optim/sgd.h"

namespace dlengine {

/// An optimizer by name, for command lines: "sgd", "momentum" (0.9), "nesterov" (0.9), "rmsprop", "adam" or
/// "adamw" (decay 0.01, in Keras's variant 0.004). Without lr the variant's default. Throws ValueError that
/// lists the names.
std::unique_ptr<Optimizer> make_optimizer(std::string_view name, std::optional<double> lr = {},
                                          Variant variant = Variant::torch);

}  // namespace dlengine

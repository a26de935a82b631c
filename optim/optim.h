// Every optimizer and schedule.
#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "dlengine/optim/adadelta.h"
#include "dlengine/optim/adagrad.h"
#include "dlengine/optim/adam.h"
#include "dlengine/optim/adamax.h"
#include "dlengine/optim/lion.h"
#include "dlengine/optim/muon.h"
#include "dlengine/optim/nadam.h"
#include "dlengine/optim/optimizer.h"
#include "dlengine/optim/plateau.h"
#include "dlengine/optim/rmsprop.h"
#include "dlengine/optim/schedule.h"
#include "dlengine/optim/sgd.h"

namespace dlengine {

/// An optimizer by name, for command lines: "sgd", "momentum" (0.9), "nesterov" (0.9), "rmsprop", "adam",
/// "adamw" (decay 0.01, in Keras's variant 0.004), "adagrad", "adadelta", "adamax", "nadam", "lion" or
/// "muon". Without lr the variant's default. Throws ValueError that lists the names.
std::unique_ptr<Optimizer> make_optimizer(std::string_view name, std::optional<double> lr = {},
                                          Defaults defaults = Defaults::torch);
/// The names.
std::vector<std::string_view> optimizer_names();

}  // namespace dlengine

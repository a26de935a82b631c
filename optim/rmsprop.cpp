// RMSprop.
#include "dlengine/optim/rmsprop.h"

#include "dlengine/core/backend.h"
#include "dlengine/optim/option_checks.h"

namespace dlengine {
namespace {

RmspropOptions with_defaults(RmspropOptions options) {
  const bool keras = options.defaults == Defaults::keras;
  options.lr = options.lr.value_or(keras ? 1e-3 : 1e-2);
  options.rho = options.rho.value_or(keras ? 0.9 : 0.99);
  options.eps = options.eps.value_or(options.defaults == Defaults::torch ? 1e-8 : 1e-7);
  return options;
}

}  // namespace

RMSprop::RMSprop(const RmspropOptions& options)
    : Optimizer(*with_defaults(options).lr, options.weight_decay,
                decays(options.defaults, options.decoupled)),
      options_(with_defaults(options)) {
  check_shares("RMSprop", {{"rho", *options_.rho}});
  check_not_negative("RMSprop", {{"eps", *options_.eps}, {"momentum", options.momentum}});
  check_decay("RMSprop", options.defaults, options.weight_decay, options.decoupled);
}

RMSprop::RMSprop(std::vector<Tensor> parameters, const RmspropOptions& options) : RMSprop(options) {
  attach(std::move(parameters));
}

std::vector<std::string> RMSprop::state_names() const {
  if (options_.momentum == 0) return {"square_avg"};
  return {"square_avg", "momentum_buffer"};
}

void RMSprop::update(Run& run) {
  Tensor none;
  backend_for(run.w.device())
      .rmsprop_update(run.w, run.g, run.state[0], run.state.size() > 1 ? run.state[1] : none,
                      {.clock = run.clock,
                       .rho = *options_.rho,
                       .eps = *options_.eps,
                       .eps_inside_root = options_.defaults == Defaults::keras,
                       .momentum = options_.momentum,
                       .weight_decay = run.weight_decay,
                       .decoupled_decay = options_.decoupled,
                       .lr_in_velocity = options_.defaults != Defaults::torch});
}

}  // namespace dlengine

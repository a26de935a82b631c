// RMSprop.
#include "dlengine/optim/rmsprop.h"

#include "dlengine/core/backend.h"
#include "dlengine/core/check.h"

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
    : Optimizer(*with_defaults(options).lr, options.weight_decay, options.defaults != Defaults::keras),
      options_(with_defaults(options)) {
  const auto& [lr, rho, eps, momentum, weight_decay, defaults] = options_;
  check<ValueError>(*rho >= 0 && *rho < 1 && *eps >= 0,
                    "RMSprop: need 0 <= rho < 1 and eps >= 0, got {} and {}", *rho, *eps);
  check<ValueError>(momentum >= 0 && weight_decay >= 0,
                    "RMSprop: need momentum >= 0 and weight_decay >= 0, got {} and {}", momentum,
                    weight_decay);
  check<ValueError>(defaults != Defaults::keras || weight_decay == 0,
                    "RMSprop: the Keras variant has no weight_decay, got {}", weight_decay);
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
                       .lr_in_velocity = options_.defaults != Defaults::torch});
}

}  // namespace dlengine

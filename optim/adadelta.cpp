// Adadelta.
#include "dlengine/optim/adadelta.h"

#include "dlengine/core/backend.h"
#include "dlengine/optim/option_checks.h"

namespace dlengine {
namespace {

AdadeltaOptions with_defaults(AdadeltaOptions options) {
  const bool keras = options.defaults == Defaults::keras;
  options.lr = options.lr.value_or(keras ? 1e-3 : 1);
  options.rho = options.rho.value_or(options.defaults == Defaults::torch ? 0.9 : 0.95);
  options.eps = options.eps.value_or(keras ? 1e-7 : 1e-6);
  return options;
}

}  // namespace

Adadelta::Adadelta(const AdadeltaOptions& options)
    : Optimizer(*with_defaults(options).lr, options.weight_decay,
                decays(options.defaults, options.decoupled)),
      options_(with_defaults(options)) {
  check_shares("Adadelta", {{"rho", *options_.rho}});
  check_not_negative("Adadelta", {{"eps", *options_.eps}});
  check_decay("Adadelta", options.defaults, options.weight_decay, options.decoupled);
}

Adadelta::Adadelta(std::vector<Tensor> parameters, const AdadeltaOptions& options) : Adadelta(options) {
  attach(std::move(parameters));
}

void Adadelta::update(Run& run) {
  backend_for(run.w.device())
      .adadelta_update(run.w, run.g, run.state[0], run.state[1],
                       {.clock = run.clock,
                        .rho = *options_.rho,
                        .eps = *options_.eps,
                        .weight_decay = run.weight_decay,
                        .decoupled_decay = options_.decoupled});
}

}  // namespace dlengine

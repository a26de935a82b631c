// Adamax.
#include "dlengine/optim/adamax.h"

#include "dlengine/core/backend.h"
#include "dlengine/optim/option_checks.h"

namespace dlengine {
namespace {

AdamaxOptions with_defaults(AdamaxOptions options) {
  const bool torch = options.defaults == Defaults::torch;
  options.lr = options.lr.value_or(torch ? 2e-3 : 1e-3);
  options.eps = options.eps.value_or(torch ? 1e-8 : 1e-7);
  return options;
}

}  // namespace

Adamax::Adamax(const AdamaxOptions& options)
    : Optimizer(*with_defaults(options).lr, options.weight_decay,
                decays(options.defaults, options.decoupled)),
      options_(with_defaults(options)) {
  check_shares("Adamax", {{"beta1", options.beta1}, {"beta2", options.beta2}});
  check_not_negative("Adamax", {{"eps", *options_.eps}});
  check_decay("Adamax", options.defaults, options.weight_decay, options.decoupled);
}

Adamax::Adamax(std::vector<Tensor> parameters, const AdamaxOptions& options) : Adamax(options) {
  attach(std::move(parameters));
}

void Adamax::update(Run& run) {
  backend_for(run.w.device())
      .adamax_update(run.w, run.g, run.state[0], run.state[1],
                     {.clock = run.clock,
                      .beta1 = options_.beta1,
                      .beta2 = options_.beta2,
                      .eps = *options_.eps,
                      .eps_outside_max = options_.defaults != Defaults::torch,
                      .weight_decay = run.weight_decay,
                      .decoupled_decay = options_.decoupled});
}

}  // namespace dlengine

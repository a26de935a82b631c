// NAdam.
#include "dlengine/optim/nadam.h"

#include "dlengine/core/backend.h"
#include "dlengine/optim/option_checks.h"

namespace dlengine {
namespace {

NAdamOptions with_defaults(NAdamOptions options) {
  const bool torch = options.defaults == Defaults::torch;
  options.lr = options.lr.value_or(torch ? 2e-3 : 1e-3);
  options.eps = options.eps.value_or(torch ? 1e-8 : 1e-7);
  options.momentum_decay = options.momentum_decay.value_or(torch ? 4e-3 : 1);
  return options;
}

}  // namespace

NAdam::NAdam(const NAdamOptions& options)
    : Optimizer(*with_defaults(options).lr, options.weight_decay,
                decays(options.defaults, options.decoupled)),
      options_(with_defaults(options)) {
  check_shares("NAdam", {{"beta1", options.beta1}, {"beta2", options.beta2}});
  check_not_negative("NAdam", {{"eps", *options_.eps}, {"momentum_decay", *options_.momentum_decay}});
  check_decay("NAdam", options.defaults, options.weight_decay, options.decoupled);
}

NAdam::NAdam(std::vector<Tensor> parameters, const NAdamOptions& options) : NAdam(options) {
  attach(std::move(parameters));
}

void NAdam::update(Run& run) {
  backend_for(run.w.device())
      .nadam_update(run.w, run.g, run.state[0], run.state[1],
                    {.clock = run.clock,
                     .beta1 = options_.beta1,
                     .beta2 = options_.beta2,
                     .eps = *options_.eps,
                     .momentum_decay = *options_.momentum_decay,
                     .weight_decay = run.weight_decay,
                     .decoupled_decay = options_.decoupled});
}

}  // namespace dlengine

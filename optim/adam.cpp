// Adam and AdamW.
#include "dlengine/optim/adam.h"

#include "dlengine/core/backend.h"
#include "dlengine/optim/option_checks.h"

namespace dlengine {

Adam::Adam(const AdamOptions& options)
    : Optimizer(options.lr, options.weight_decay, decays(options.defaults, options.decoupled)),
      options_(options) {
  if (!options_.eps) options_.eps = options.defaults == Defaults::torch ? 1e-8 : 1e-7;
  check_shares("Adam", {{"beta1", options.beta1}, {"beta2", options.beta2}});
  check_not_negative("Adam", {{"eps", *options_.eps}});
  check_decay("Adam", options.defaults, options.weight_decay, options.decoupled);
}

Adam::Adam(std::vector<Tensor> parameters, const AdamOptions& options) : Adam(options) {
  attach(std::move(parameters));
}

void Adam::update(Run& run) {
  backend_for(run.w.device())
      .adam_update(run.w, run.g, run.state[0], run.state[1],
                   {.clock = run.clock,
                    .beta1 = options_.beta1,
                    .beta2 = options_.beta2,
                    .eps = *options_.eps,
                    .eps_on_corrected_root = options_.defaults == Defaults::torch,
                    .weight_decay = run.weight_decay,
                    .decoupled_decay = options_.decoupled});
}

}  // namespace dlengine

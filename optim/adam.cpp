// Adam and AdamW.
#include "dlengine/optim/adam.h"

#include "dlengine/core/backend.h"
#include "dlengine/core/check.h"
#include "dlengine/optim/option_checks.h"

namespace dlengine {

Adam::Adam(const AdamOptions& options)
    : Optimizer(options.lr, options.weight_decay, decays(options.defaults, options.decoupled)),
      options_(options) {
  if (!options_.eps) options_.eps = options.defaults == Defaults::torch ? 1e-8 : 1e-7;
  check<ValueError>(options.beta1 >= 0 && options.beta1 < 1 && options.beta2 >= 0 && options.beta2 < 1,
                    "Adam: need beta1 and beta2 in [0, 1), got {} and {}", options.beta1, options.beta2);
  check<ValueError>(*options_.eps >= 0 && options.weight_decay >= 0,
                    "Adam: need eps >= 0 and weight_decay >= 0, got {} and {}", *options_.eps,
                    options.weight_decay);
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

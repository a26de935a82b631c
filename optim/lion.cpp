// Lion.
#include "dlengine/optim/lion.h"

#include "dlengine/core/backend.h"
#include "dlengine/optim/option_checks.h"

namespace dlengine {

Lion::Lion(const LionOptions& options)
    : Optimizer(options.lr.value_or(options.defaults == Defaults::keras ? 1e-3 : 1e-4), options.weight_decay),
      options_(options) {
  check_shares("Lion", {{"beta1", options.beta1}, {"beta2", options.beta2}});
  check_not_negative("Lion", {{"weight_decay", options.weight_decay}});
}

Lion::Lion(std::vector<Tensor> parameters, const LionOptions& options) : Lion(options) {
  attach(std::move(parameters));
}

void Lion::update(Run& run) {
  backend_for(run.w.device())
      .lion_update(run.w, run.g, run.state[0],
                   {.clock = run.clock,
                    .beta1 = options_.beta1,
                    .beta2 = options_.beta2,
                    .weight_decay = run.weight_decay});
}

}  // namespace dlengine

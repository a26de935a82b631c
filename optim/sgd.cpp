// Stochastic gradient descent with momentum.
#include "dlengine/optim/sgd.h"

#include <cmath>

#include "dlengine/core/backend.h"
#include "dlengine/core/check.h"
#include "dlengine/optim/option_checks.h"

namespace dlengine {

SGD::SGD(const SgdOptions& options)
    : Optimizer(options.lr, options.weight_decay, decays(options.defaults, options.decoupled)),
      options_(options) {
  check_not_negative("SGD", {{"momentum", options.momentum}});
  check<ValueError>(std::isfinite(options.dampening), "SGD: need a finite dampening, got {}",
                    options.dampening);
  check_decay("SGD", options.defaults, options.weight_decay, options.decoupled);
  check<ValueError>(!options.nesterov || (options.momentum > 0 && options.dampening == 0),
                    "SGD: nesterov needs momentum > 0 and no dampening, got {} and {}", options.momentum,
                    options.dampening);
  check<ValueError>(options.defaults == Defaults::torch || options.dampening == 0,
                    "SGD: dampening is PyTorch's variant's only, got {}", options.dampening);
}

SGD::SGD(std::vector<Tensor> parameters, const SgdOptions& options) : SGD(options) {
  attach(std::move(parameters));
}

std::vector<std::string> SGD::state_names() const {
  if (options_.momentum == 0) return {};
  return {"momentum_buffer"};
}

void SGD::update(Run& run) {
  Tensor none;
  backend_for(run.w.device())
      .sgd_update(run.w, run.g, run.state.empty() ? none : run.state[0],
                  {.clock = run.clock,
                   .momentum = options_.momentum,
                   .dampening = options_.dampening,
                   .weight_decay = run.weight_decay,
                   .decoupled_decay = options_.decoupled,
                   .nesterov = options_.nesterov,
                   .lr_in_velocity = options_.defaults != Defaults::torch,
                   .starts_at_gradient = options_.defaults == Defaults::torch});
}

}  // namespace dlengine

// Stochastic gradient descent with momentum.
#include "dlengine/optim/sgd.h"

#include "dlengine/core/backend.h"
#include "dlengine/core/check.h"

namespace dlengine {

SGD::SGD(const SgdOptions& options) : Optimizer(options.lr), options_(options) {
  check<ValueError>(options.momentum >= 0 && options.weight_decay >= 0,
                    "SGD: need momentum >= 0 and weight_decay >= 0, got {} and {}", options.momentum,
                    options.weight_decay);
  check<ValueError>(!options.nesterov || (options.momentum > 0 && options.dampening == 0),
                    "SGD: nesterov needs momentum > 0 and no dampening, got {} and {}", options.momentum,
                    options.dampening);
  check<ValueError>(
      options.variant == Variant::torch || (options.dampening == 0 && options.weight_decay == 0),
      "SGD: the Keras variant has no dampening and no weight_decay, got {} and {}", options.dampening,
      options.weight_decay);
}

SGD::SGD(std::vector<Tensor> parameters, const SgdOptions& options) : SGD(options) {
  attach(std::move(parameters));
}

std::vector<std::string> SGD::state_names() const {
  if (options_.momentum == 0) return {};
  return {"momentum_buffer"};
}

void SGD::update(Tensor& w, const Tensor& g, std::vector<Tensor>& state, const UpdateClock& clock) {
  Tensor none;
  backend_for(w.device())
      .sgd_update(w, g, state.empty() ? none : state[0],
                  {.clock = clock,
                   .momentum = options_.momentum,
                   .dampening = options_.dampening,
                   .weight_decay = options_.weight_decay,
                   .nesterov = options_.nesterov,
                   .lr_in_velocity = options_.variant == Variant::keras,
                   .starts_at_gradient = options_.variant == Variant::torch});
}

}  // namespace dlengine

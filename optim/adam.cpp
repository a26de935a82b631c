// Adam and AdamW.
#include "dlengine/optim/adam.h"

#include "dlengine/core/backend.h"
#include "dlengine/core/check.h"

namespace dlengine {

Adam::Adam(const AdamOptions& options) : Optimizer(options.lr), options_(options) {
  const bool keras = options.variant == Variant::keras;
  if (!options_.eps) options_.eps = keras ? 1e-7 : 1e-8;
  check<ValueError>(options.beta1 >= 0 && options.beta1 < 1 && options.beta2 >= 0 && options.beta2 < 1,
                    "Adam: need beta1 and beta2 in [0, 1), got {} and {}", options.beta1, options.beta2);
  check<ValueError>(*options_.eps >= 0 && options.weight_decay >= 0,
                    "Adam: need eps >= 0 and weight_decay >= 0, got {} and {}", *options_.eps,
                    options.weight_decay);
  check<ValueError>(!keras || options.decoupled || options.weight_decay == 0,
                    "Adam: Keras's weight_decay is decoupled; set .decoupled = true");
}

Adam::Adam(std::vector<Tensor> parameters, const AdamOptions& options) : Adam(options) {
  attach(std::move(parameters));
}

void Adam::update(Tensor& w, const Tensor& g, std::vector<Tensor>& state, const UpdateClock& clock) {
  backend_for(w.device())
      .adam_update(w, g, state[0], state[1],
                   {.clock = clock,
                    .beta1 = options_.beta1,
                    .beta2 = options_.beta2,
                    .eps = *options_.eps,
                    .eps_on_corrected_root = options_.variant == Variant::torch,
                    .weight_decay = options_.weight_decay,
                    .decoupled_decay = options_.decoupled});
}

}  // namespace dlengine

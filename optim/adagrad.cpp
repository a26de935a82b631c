// AdaGrad.
#include "dlengine/optim/adagrad.h"

#include "dlengine/core/backend.h"
#include "dlengine/core/check.h"
#include "dlengine/optim/option_checks.h"

namespace dlengine {
namespace {

AdagradOptions with_defaults(AdagradOptions options) {
  const bool keras = options.defaults == Defaults::keras;
  options.lr = options.lr.value_or(keras ? 1e-3 : 1e-2);
  options.start = options.start.value_or(keras ? 0.1 : 0);
  options.eps = options.eps.value_or(options.defaults == Defaults::torch ? 1e-10 : 1e-7);
  return options;
}

}  // namespace

Adagrad::Adagrad(const AdagradOptions& options)
    : Optimizer(*with_defaults(options).lr, options.weight_decay,
                decays(options.defaults, options.decoupled)),
      options_(with_defaults(options)) {
  check_not_negative("Adagrad",
                     {{"lr_decay", options.lr_decay}, {"start", *options_.start}, {"eps", *options_.eps}});
  check_decay("Adagrad", options.defaults, options.weight_decay, options.decoupled);
  check<ValueError>(options.defaults == Defaults::torch || options.lr_decay == 0,
                    "Adagrad: lr_decay is PyTorch's variant's only, got {}", options.lr_decay);
}

Adagrad::Adagrad(std::vector<Tensor> parameters, const AdagradOptions& options) : Adagrad(options) {
  attach(std::move(parameters));
}

void Adagrad::update(Run& run) {
  backend_for(run.w.device())
      .adagrad_update(run.w, run.g, run.state[0],
                      {.clock = run.clock,
                       .lr_decay = options_.lr_decay,
                       .eps = *options_.eps,
                       .eps_inside_root = options_.defaults == Defaults::keras,
                       .weight_decay = run.weight_decay,
                       .decoupled_decay = options_.decoupled});
}

}  // namespace dlengine

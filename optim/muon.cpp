// Muon.
#include "dlengine/optim/muon.h"

#include <algorithm>
#include <cmath>

#include "dlengine/core/backend.h"
#include "dlengine/core/check.h"
#include "dlengine/core/ops.h"
#include "dlengine/optim/option_checks.h"

namespace dlengine {

Tensor newton_schulz(const Tensor& x, int steps) {
  check<ShapeError>(x.rank() == 2, "newton_schulz: need a matrix, got {}", x.shape());
  const bool tall = x.dim(0) > x.dim(1);
  Tensor y = tall ? x.transpose(0, 1) : x;
  y = y / (sqrt(sum(square(y))) + 1e-7);
  for (int i = 0; i < steps; ++i) {
    const Tensor a = matmul(y, y.transpose(0, 1));
    y = 3.4445 * y + matmul(-4.7750 * a + 2.0315 * matmul(a, a), y);
  }
  return tall ? y.transpose(0, 1) : y;
}

namespace {

MuonOptions with_defaults(MuonOptions options) {
  const bool keras = options.defaults == Defaults::keras;
  options.lr = options.lr.value_or(keras ? 1e-3 : 0.02);
  options.weight_decay = options.weight_decay.value_or(keras ? 0.004 : 0);
  options.adam_lr = options.adam_lr.value_or(keras ? *options.lr : 3e-4);
  options.beta2 = options.beta2.value_or(keras ? 0.999 : 0.95);
  options.eps = options.eps.value_or(keras ? 1e-7 : 1e-10);
  return options;
}

}  // namespace

Muon::Muon(const MuonOptions& options)
    : Optimizer(*with_defaults(options).lr, *with_defaults(options).weight_decay),
      options_(with_defaults(options)) {
  check_shares("Muon",
               {{"momentum", options.momentum}, {"beta1", options.beta1}, {"beta2", *options_.beta2}});
  check_not_negative("Muon", {{"steps", options.steps},
                              {"weight_decay", *options_.weight_decay},
                              {"adam_lr", *options_.adam_lr},
                              {"eps", *options_.eps}});
  check<ValueError>(*options_.lr > 0, "Muon: need lr > 0, got {}", *options_.lr);
}

Muon::Muon(std::vector<Tensor> parameters, const MuonOptions& options) : Muon(options) {
  attach(std::move(parameters));
}

bool Muon::is_matrix(const Tensor& parameter) const {
  return options_.defaults == Defaults::keras ? parameter.rank() == 2 : parameter.rank() > 1;
}

void Muon::update(Run& run) {
  for (size_t first = run.first, last = first; first < run.last; first = last) {
    if (is_matrix(parameters()[first])) {
      update_matrix(run, first);
      last = first + 1;
    } else {
      while (last < run.last && !is_matrix(parameters()[last])) ++last;
      update_others(run, first, last);
    }
  }
}

void Muon::update_matrix(const Run& run, size_t i) {
  Tensor w = part(run, run.w, i), m = part(run, run.state[0], i);
  if (w.numel() == 0) return;
  const Tensor g = part(run, run.g, i);
  const bool keras = options_.defaults == Defaults::keras;
  const double keep = options_.momentum, share = keras ? 1 : 1 - keep;
  m.copy_(m * keep + g * share);
  const Tensor direction = options_.nesterov ? g * share + m * keep : m;
  const double rows = static_cast<double>(w.dim(0)), columns = static_cast<double>(w.numel() / w.dim(0));
  const double scale =
      keras ? 0.2 * std::sqrt(std::max(rows, columns)) : std::sqrt(std::max(1.0, rows / columns));
  const Tensor step = newton_schulz(direction.reshape({w.dim(0), -1}), options_.steps) * scale;
  // w -= lr * (step + weight_decay * w), with a rate that a recorded step reads on the device.
  Tensor flat = w.reshape({w.numel()}), none;
  backend_for(w.device())
      .sgd_update(flat, step.reshape({w.numel()}), none,
                  {.clock = run.clock, .weight_decay = run.weight_decay});
}

void Muon::update_others(const Run& run, size_t first, size_t last) {
  const auto between = [&](const Tensor& flat) {
    const Tensor begin = part(run, flat, first), end = part(run, flat, last - 1);
    return Tensor(flat.storage(), begin.offset(), {end.offset() + end.numel() - begin.offset()}, {1},
                  flat.dtype());
  };
  UpdateClock clock = run.clock;
  clock.lr_factor *= *options_.adam_lr / *options_.lr;
  Tensor w = between(run.w), m = between(run.state[0]), v = between(run.state[1]);
  backend_for(w.device())
      .adam_update(w, between(run.g), m, v,
                   {.clock = clock,
                    .beta1 = options_.beta1,
                    .beta2 = *options_.beta2,
                    .eps = *options_.eps,
                    .eps_on_corrected_root = options_.defaults != Defaults::keras,
                    .weight_decay = run.weight_decay,
                    .decoupled_decay = true});
}

}  // namespace dlengine

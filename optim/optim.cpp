// Optimizers by name.
#include "dlengine/optim/optim.h"

#include <array>

#include "dlengine/core/check.h"

namespace dlengine {
namespace {

using Lr = std::optional<double>;
using Made = std::unique_ptr<Optimizer>;

Made make_sgd(Lr lr, double momentum, bool nesterov, Defaults defaults) {
  return std::make_unique<SGD>(SgdOptions{
      .lr = lr.value_or(SgdOptions().lr), .momentum = momentum, .nesterov = nesterov, .defaults = defaults});
}

Made make_adam(Lr lr, double weight_decay, Defaults defaults) {
  return std::make_unique<Adam>(AdamOptions{.lr = lr.value_or(AdamOptions().lr),
                                            .weight_decay = weight_decay,
                                            .decoupled = weight_decay > 0,
                                            .defaults = defaults});
}

/// An optimizer whose options choose the default rate.
template <typename Kind, typename Options>
Made make(Lr lr, Defaults defaults) {
  return std::make_unique<Kind>(Options{.lr = lr, .defaults = defaults});
}

struct Entry {
  std::string_view name;
  Made (*make)(Lr lr, Defaults defaults);
};

constexpr std::array<Entry, 12> kOptimizers = {{
    {"sgd", [](Lr lr, Defaults d) { return make_sgd(lr, 0, false, d); }},
    {"momentum", [](Lr lr, Defaults d) { return make_sgd(lr, 0.9, false, d); }},
    {"nesterov", [](Lr lr, Defaults d) { return make_sgd(lr, 0.9, true, d); }},
    {"rmsprop", make<RMSprop, RmspropOptions>},
    {"adam", [](Lr lr, Defaults d) { return make_adam(lr, 0, d); }},
    {"adamw", [](Lr lr, Defaults d) { return make_adam(lr, d == Defaults::keras ? 0.004 : 0.01, d); }},
    {"adagrad", make<Adagrad, AdagradOptions>},
    {"adadelta", make<Adadelta, AdadeltaOptions>},
    {"adamax", make<Adamax, AdamaxOptions>},
    {"nadam", make<NAdam, NAdamOptions>},
    {"lion", make<Lion, LionOptions>},
    {"muon", make<Muon, MuonOptions>},
}};

}  // namespace

std::vector<std::string_view> optimizer_names() {
  std::vector<std::string_view> names;
  for (const Entry& entry : kOptimizers) names.push_back(entry.name);
  return names;
}

std::unique_ptr<Optimizer> make_optimizer(std::string_view name, std::optional<double> lr,
                                          Defaults defaults) {
  for (const Entry& entry : kOptimizers) {
    if (entry.name == name) return entry.make(lr, defaults);
  }
  fail<ValueError>("make_optimizer: there are {}, not '{}'", fmt::join(optimizer_names(), ", "), name);
}

}  // namespace dlengine

// Optimizers by name.
#include "dlengine/optim/optim.h"

#include <array>

#include "dlengine/core/check.h"

namespace dlengine {
namespace {

using Lr = std::optional<double>;
using Made = std::unique_ptr<Optimizer>;

Made make_sgd(Lr lr, double momentum, bool nesterov, Variant variant) {
  return std::make_unique<SGD>(SgdOptions{
      .lr = lr.value_or(SgdOptions().lr), .momentum = momentum, .nesterov = nesterov, .variant = variant});
}

Made make_adam(Lr lr, double weight_decay, Variant variant) {
  return std::make_unique<Adam>(AdamOptions{.lr = lr.value_or(AdamOptions().lr),
                                            .weight_decay = weight_decay,
                                            .decoupled = weight_decay > 0,
                                            .variant = variant});
}

/// An optimizer whose options choose the default rate.
template <typename Kind, typename Options>
Made make(Lr lr, Variant variant) {
  return std::make_unique<Kind>(Options{.lr = lr, .variant = variant});
}

/// One that knows no variants.
template <typename Kind, typename Options>
Made make_plain(Lr lr, Variant) {
  return std::make_unique<Kind>(Options{.lr = lr.value_or(Options().lr)});
}

struct Entry {
  std::string_view name;
  Made (*make)(Lr lr, Variant variant);
};

constexpr std::array<Entry, 12> kOptimizers = {{
    {"sgd", [](Lr lr, Variant v) { return make_sgd(lr, 0, false, v); }},
    {"momentum", [](Lr lr, Variant v) { return make_sgd(lr, 0.9, false, v); }},
    {"nesterov", [](Lr lr, Variant v) { return make_sgd(lr, 0.9, true, v); }},
    {"rmsprop", make<RMSprop, RmspropOptions>},
    {"adam", [](Lr lr, Variant v) { return make_adam(lr, 0, v); }},
    {"adamw", [](Lr lr, Variant v) { return make_adam(lr, v == Variant::keras ? 0.004 : 0.01, v); }},
    {"adagrad", make<Adagrad, AdagradOptions>},
    {"adadelta", make<Adadelta, AdadeltaOptions>},
    {"adamax", make<Adamax, AdamaxOptions>},
    {"nadam", make<NAdam, NAdamOptions>},
    {"lion", make_plain<Lion, LionOptions>},
    {"muon", make_plain<Muon, MuonOptions>},
}};

}  // namespace

std::vector<std::string_view> optimizer_names() {
  std::vector<std::string_view> names;
  for (const Entry& entry : kOptimizers) names.push_back(entry.name);
  return names;
}

std::unique_ptr<Optimizer> make_optimizer(std::string_view name, std::optional<double> lr, Variant variant) {
  for (const Entry& entry : kOptimizers) {
    if (entry.name == name) return entry.make(lr, variant);
  }
  fail<ValueError>("make_optimizer: there are {}, not '{}'", fmt::join(optimizer_names(), ", "), name);
}

}  // namespace dlengine

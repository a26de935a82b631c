// The trainer's model on its device, and the optimizer on the model's parameters.
#include <algorithm>
#include <string>
#include <vector>

#include "dlengine/core/check.h"
#include "dlengine/train/inference.h"
#include "dlengine/train/trainer.h"

namespace dlengine {

// Where the model has layers whose input size was left out, a first sample tells them.
void Trainer::place(const Dataset& data) {
  model_.to(options_.device);
  if (!is_complete(model_)) output_of(model_, first_sample(data).x.to(options_.device));
}

/// What the optimizer is attached to, or is to be.
std::vector<ParameterGroup> Trainer::groups() {
  if (optimizer_.attached()) return {{.parameters = optimizer_.parameters()}};
  if (options_.groups) return options_.groups(model_.parameters());
  return {{.parameters = model_.parameters()}};
}

/// What the model calls these parameters, in their order. Throws ValueError for one that is not the model's.
std::vector<std::string> Trainer::names_of(const std::vector<ParameterGroup>& groups) {
  const NamedTensors own = model_.named_parameters();
  std::vector<std::string> names;
  for (const ParameterGroup& group : groups) {
    for (const Tensor& parameter : group.parameters) {
      const auto same = std::find_if(
          own.begin(), own.end(), [&](const auto& named) { return named.second.impl() == parameter.impl(); });
      check<ValueError>(same != own.end(),
                        "Trainer: parameter {} of the optimizer {}, {}, is not this model's; another model "
                        "needs another optimizer",
                        names.size(), optimizer_.type_name(), parameter.shape());
      names.push_back(same->first);
    }
  }
  return names;
}

void Trainer::attach() {
  const std::vector<ParameterGroup> wanted = groups();
  names_of(wanted);  // checks
  if (!optimizer_.attached()) optimizer_.attach(wanted);
}

}  // namespace dlengine

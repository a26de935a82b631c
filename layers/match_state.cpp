// Which values belong to which tensors.
#include "dlengine/layers/match_state.h"

#include <unordered_set>

#include "dlengine/core/check.h"

namespace dlengine {
namespace {

bool is_batch_counter(const std::string& name) {
  const std::string counter = "num_batches_tracked";
  return name == counter || name.ends_with("." + counter);
}

}  // namespace

std::map<std::string, Tensor> match_state(const NamedTensors& own, const NamedTensors& given) {
  std::map<std::string, Tensor> values;
  std::string twice, missing, unexpected;
  const auto list = [](std::string& names, const std::string& name) {
    names += (names.empty() ? "" : ", ") + name;
  };
  for (const auto& [name, tensor] : given) {
    if (is_batch_counter(name)) continue;
    if (!values.emplace(name, tensor).second) list(twice, name);
  }
  std::unordered_set<std::string> known;
  for (const auto& [name, tensor] : own) {
    known.insert(name);
    if (!values.contains(name)) list(missing, name);
  }
  for (const auto& [name, tensor] : values) {
    if (!known.contains(name)) list(unexpected, name);
  }
  check<ValueError>(twice.empty() && missing.empty() && unexpected.empty(),
                    "load_state: missing: [{}], unexpected: [{}], given twice: [{}]", missing, unexpected,
                    twice);
  for (const auto& [name, tensor] : own) {
    const Tensor& value = values.at(name);
    check<ShapeError>(value.shape() == tensor.shape(), "load_state: {} is {}, the values for it are {}", name,
                      tensor.shape(), value.shape());
    check<DTypeError>(is_floating(value.dtype()),
                      "load_state: the values for {} are {}, need a floating type", name, value.dtype());
  }
  return values;
}

}  // namespace dlengine

// Which values belong to which tensors.
#include "dlengine/layers/match_state.h"

#include <set>
#include <vector>

#include "dlengine/core/check.h"

namespace dlengine {
namespace {

using Names = std::vector<std::string>;

bool is_batch_counter(const std::string& name) {
  const std::string counter = "num_batches_tracked";
  return name == counter || name.ends_with("." + counter);
}

std::map<std::string, Tensor> by_name(const NamedTensors& given, Names& twice) {
  std::map<std::string, Tensor> values;
  for (const auto& [name, tensor] : given) {
    if (is_batch_counter(name)) continue;
    if (!values.emplace(name, tensor).second) twice.push_back(name);
  }
  return values;
}

/// The names of values that stand in for none of the module's, and the other way round.
LoadResult compare_names(const NamedTensors& own, const std::map<std::string, Tensor>& values) {
  LoadResult result;
  std::set<std::string> known;
  for (const auto& [name, tensor] : own) {
    known.insert(name);
    if (!values.contains(name)) result.missing_keys.push_back(name);
  }
  for (const auto& [name, tensor] : values) {
    if (!known.contains(name)) result.unexpected_keys.push_back(name);
  }
  return result;
}

}  // namespace

StateMatch match_state(const NamedTensors& own, const NamedTensors& given, const LoadOptions& options) {
  Names twice;
  const std::map<std::string, Tensor> values = by_name(given, twice);
  StateMatch match{.passed_over = compare_names(own, values)};
  auto& [missing, unexpected, mismatched] = match.passed_over;
  check<ValueError>(twice.empty() && (!options.strict || (missing.empty() && unexpected.empty())),
                    "load_state: missing: [{}], unexpected: [{}], given twice: [{}]",
                    fmt::join(missing, ", "), fmt::join(unexpected, ", "), fmt::join(twice, ", "));
  for (const auto& [name, tensor] : own) {
    const auto found = values.find(name);
    if (found == values.end()) continue;
    const Tensor& value = found->second;
    const bool fits = value.shape() == tensor.shape();
    check<ShapeError>(fits || !options.strict, "load_state: {} is {}, the values for it are {}", name,
                      tensor.shape(), value.shape());
    check<DTypeError>(!fits || is_floating(value.dtype()),
                      "load_state: the values for {} are {}, need a floating type", name, value.dtype());
    if (fits) {
      match.values.insert(*found);
    } else {
      mismatched.push_back(name);
    }
  }
  check<ValueError>(
      !match.values.empty() || own.empty(),
      "load_state: nothing fits: the module has [{}], there are values for [{}], of another shape: [{}]",
      fmt::join(missing, ", "), fmt::join(unexpected, ", "), fmt::join(mismatched, ", "));
  return match;
}

}  // namespace dlengine

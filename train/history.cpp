// Means from sums, and numbers by name.
#include "dlengine/train/history.h"

#include <algorithm>

#include "dlengine/core/check.h"

namespace dlengine {

double Metrics::at(std::string_view name) const {
  if (name == "loss") return loss;
  if (name == "accuracy" && classes) return accuracy;
  std::string there = classes ? "loss, accuracy" : "loss";
  for (const MetricValue& other : others) {
    if (other.name == name) return other.value;
    there += ", " + other.name;
  }
  fail<ValueError>("metrics: there are {}, not '{}'", there, name);
}

Metrics Totals::metrics(double seconds) const {
  const double n = samples > 0 ? static_cast<double>(samples) : 1.0;
  Metrics result{.loss = loss / n,
                 .accuracy = static_cast<double>(hits) / static_cast<double>(std::max<int64_t>(answers, 1)),
                 .classes = classes,
                 .samples = samples,
                 .seconds = seconds,
                 .others = others};
  for (MetricValue& other : result.others) other.value /= n;
  return result;
}

}  // namespace dlengine

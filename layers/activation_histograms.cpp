// What the values between the layers of a network look like.
#include "dlengine/layers/activation_histograms.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "dlengine/core/autograd.h"
#include "dlengine/core/check.h"

namespace dlengine {
namespace {

struct HasChildren final : ModuleVisitor {
  bool answer = false;
  explicit HasChildren(Module& module) { module.visit(*this); }
  void parameter(std::string_view, Tensor&) override {}
  void buffer(std::string_view, Tensor&) override {}
  void child(std::string_view, Module&) override { answer = true; }
};

class Recorder final : public ForwardObserver {
 public:
  Recorder(Module& root, const BinOptions& options) : options_(options) {
    for (const auto& [path, module] : root.modules()) paths_.emplace(module, path);
  }
  void called(Module&, const Shape&, const Shape&) override {}
  bool wants_each_result() const override { return true; }
  void computed(Module& module, const Tensor& y) override {
    if (HasChildren(module).answer) return;
    ActivationRow row{.path = paths_[&module], .type = std::string(module.type_name()), .histogram = {}};
    const std::vector<double> values = y.to_vector<double>();
    const auto count = static_cast<double>(std::max<size_t>(1, values.size()));
    for (const double value : values) row.mean += value / count;
    for (const double value : values) row.deviation += (value - row.mean) * (value - row.mean) / count;
    row.deviation = std::sqrt(row.deviation);
    row.zeros = static_cast<double>(std::count(values.begin(), values.end(), 0.0)) / count;
    row.histogram = histogram(y, options_);
    rows.push_back(std::move(row));
  }

  std::vector<ActivationRow> rows;

 private:
  BinOptions options_;
  std::unordered_map<const Module*, std::string> paths_;
};

}  // namespace

double Histogram::middle(size_t bin) const {
  return low + (high - low) * (static_cast<double>(bin) + 0.5) / static_cast<double>(counts.size());
}

Histogram histogram(const Tensor& values, const BinOptions& options) {
  check<ValueError>(options.bins > 0 && options.low <= options.high,
                    "histogram: need 1 bin or more and low <= high, got {} from {} to {}", options.bins,
                    options.low, options.high);
  std::vector<double> finite = values.to_vector<double>();
  std::erase_if(finite, [](double value) { return !std::isfinite(value); });
  Histogram result{options.low, options.high, std::vector<int64_t>(static_cast<size_t>(options.bins))};
  if (options.low == options.high && !finite.empty()) {
    const auto [smallest, largest] = std::minmax_element(finite.begin(), finite.end());
    result.low = *smallest;
    result.high = *largest;
  }
  const double width = result.high - result.low;
  for (const double value : finite) {
    if (value < result.low || value > result.high) continue;
    const double place = width > 0 ? (value - result.low) / width * static_cast<double>(options.bins) : 0;
    ++result.counts[static_cast<size_t>(std::min(static_cast<int64_t>(place), options.bins - 1))];
  }
  return result;
}

std::vector<ActivationRow> activation_histograms(Module& module, const Tensor& x, const BinOptions& options) {
  const NoGrad no_grad;
  Recorder recorder(module, options);
  module(x);
  return std::move(recorder.rows);
}

}  // namespace dlengine

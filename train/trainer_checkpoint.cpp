// Checkpoints: all that the training's further course depends on, in one safetensors file.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "dlengine/core/check.h"
#include "dlengine/core/io/safetensors.h"
#include "dlengine/core/random.h"
#include "dlengine/layers/match_state.h"
#include "dlengine/train/trainer.h"

namespace dlengine {
namespace {

constexpr std::string_view kFormat = "dlengine checkpoint 1";
constexpr std::string_view kModel = "model.";
constexpr std::string_view kOptimizer = "optimizer.";

void append(NamedTensors& to, std::string_view prefix, const NamedTensors& from) {
  for (const auto& [name, tensor] : from) to.emplace_back(std::string(prefix) + name, tensor);
}

/// The tensors whose names begin with the prefix, without it.
NamedTensors take(const NamedTensors& from, std::string_view prefix) {
  NamedTensors result;
  for (const auto& [name, tensor] : from) {
    if (name.starts_with(prefix)) result.emplace_back(name.substr(prefix.size()), tensor);
  }
  return result;
}

/// A checkpoint's metadata, read with complaints that name the file.
class Metadata {
 public:
  Metadata(const std::string& path, const std::map<std::string, std::string>& entries)
      : path_(path), entries_(entries) {
    check<IoError>(
        entries.contains("format") && text("format") == kFormat,
        "load_checkpoint: '{}' is no checkpoint (need format '{}'); load_weights() reads weights alone", path,
        kFormat);
  }

  const std::string& path() const { return path_; }
  bool has(const std::string& key) const { return entries_.contains(key); }

  const std::string& text(const std::string& key) const {
    const auto entry = entries_.find(key);
    check<IoError>(entry != entries_.end(), "load_checkpoint: '{}' has no entry '{}'", path_, key);
    return entry->second;
  }

  template <typename T>
  T number(const std::string& key) const {
    const std::string& value = text(key);
    T result{};
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), result);
    check<IoError>(error == std::errc() && end == value.data() + value.size(),
                   "load_checkpoint: '{}' has '{}' = '{}', need a number", path_, key, value);
    return result;
  }

  /// A number with a property, which is told in words.
  template <typename T>
  T number(const std::string& key, std::string_view need, bool (*is)(T)) const {
    const T value = number<T>(key);
    check<IoError>(is(value), "load_checkpoint: '{}' has '{}' = {}, need {}", path_, key, value, need);
    return value;
  }

  int64_t count(const std::string& key) const {
    return number<int64_t>(key, "a number >= 0", [](int64_t value) { return value >= 0; });
  }

 private:
  const std::string& path_;
  const std::map<std::string, std::string>& entries_;
};

/// The sums of an epoch that was begun, of the metrics that it goes on with.
std::vector<MetricValue> others_of(const Metadata& metadata, bool begun,
                                   const std::vector<std::string>& metrics) {
  if (!begun) return {};
  std::vector<MetricValue> sums;
  const std::string saved = metadata.has("metrics") ? metadata.text("metrics") : "";
  check<ValueError>(saved == fmt::format("{}", fmt::join(metrics, ",")),
                    "load_checkpoint: '{}' is of an epoch that was begun with the metrics [{}] and cannot go "
                    "on with [{}]",
                    metadata.path(), saved, fmt::join(metrics, ","));
  for (const std::string& name : metrics) {
    sums.push_back({.name = name, .value = metadata.number<double>("metric_sum." + name)});
  }
  return sums;
}

int64_t answers_of(const Metadata& metadata) {
  if (metadata.has("answers")) return metadata.count("answers");
  // An older file: "classes" is how many a sample has.
  const int64_t ignored = metadata.has("ignored") ? metadata.count("ignored") : 0;
  return std::max<int64_t>(metadata.count("samples") * metadata.count("classes") - ignored, 0);
}

Totals totals_of(const Metadata& metadata, int64_t batches, const std::vector<std::string>& metrics) {
  const auto finite = [](double value) { return std::isfinite(value); };
  return {.loss = metadata.number<double>("loss_sum", "a finite number", finite),
          .hits = metadata.count("hits"),
          .samples = metadata.count("samples"),
          .classes = metadata.count("classes") > 0,
          .answers = answers_of(metadata),
          .others = others_of(metadata, batches > 0, metrics)};
}

ReduceOnPlateau::State plateau_of(const Metadata& metadata) {
  if (!metadata.has("plateau_factor")) return {};  // an older file
  const auto is_factor = [](double value) { return value > 0 && value <= 1; };
  const auto is_loss = [](double value) { return !std::isnan(value); };
  return {.factor = metadata.number<double>("plateau_factor", "a number > 0 and <= 1", is_factor),
          .best = metadata.number<double>("plateau_best", "a loss", is_loss),
          .bad_epochs = metadata.count("plateau_bad_epochs"),
          .cooldown = metadata.count("plateau_cooldown")};
}

BestEpoch::State best_of(const Metadata& metadata) {
  if (!metadata.has("best_rule")) return {};  // an older file
  const auto is_number = [](double value) { return !std::isnan(value); };
  return {.best = metadata.number<double>("best_value", "a number", is_number),
          .epoch = metadata.count("best_epoch")};
}

/// The state is kept by the parameters' numbers, so their order must be the same.
void check_order(const Metadata& metadata, const std::vector<std::string>& names) {
  if (!metadata.has("parameters")) return;  // an older file
  std::istringstream saved(metadata.text("parameters"));
  std::string name;
  for (size_t i = 0; std::getline(saved, name); ++i) {
    const std::string own = i < names.size() ? names[i] : "none";
    check<ValueError>(
        name == own,
        "load_checkpoint: the optimizer's parameter {} was {} and is {} (TrainerOptions::groups)", i, name,
        own);
  }
}

std::vector<Tensor> parameters_of(const std::vector<ParameterGroup>& groups) {
  std::vector<Tensor> all;
  for (const ParameterGroup& group : groups) {
    all.insert(all.end(), group.parameters.begin(), group.parameters.end());
  }
  return all;
}

void check_not_averaged(const char* who, const Optimizer& optimizer) {
  check<ValueError>(!optimizer.shows_average(),
                    "{}: AveragedWeights shows the average in place of the weights", who);
}

}  // namespace

void Trainer::save_checkpoint(const std::string& path) {
  check_not_averaged("save_checkpoint", optimizer_);
  check<ValueError>(
      !partial_.in_step,
      "save_checkpoint: {} batches of epoch {} are done, which is no whole number of steps of {}",
      partial_.batches, epoch_ + 1, options_.accumulate);
  read_totals();
  attach();
  NamedTensors tensors;
  append(tensors, kModel, model_.state());
  append(tensors, kOptimizer, optimizer_.state());
  const Generator::State random = default_generator().state();
  std::map<std::string, std::string> metadata{
      {"format", std::string(kFormat)},
      {"optimizer", std::string(optimizer_.type_name())},
      {"parameters", fmt::format("{}", fmt::join(names_of(groups()), "\n"))},
      {"lr", fmt::format("{}", base_lr_.value_or(optimizer_.lr()))},
      {"seed", fmt::format("{}", options_.seed)},
      {"random_seed", fmt::format("{}", random.seed)},
      {"random_stream", fmt::format("{}", random.next_stream)},
      {"epoch", fmt::format("{}", epoch_)},
      {"batches", fmt::format("{}", partial_.batches)},
      {"batch_size", fmt::format("{}", partial_.batch_size)},
      {"loss_sum", fmt::format("{}", partial_.totals.loss)},
      {"hits", fmt::format("{}", partial_.totals.hits)},
      {"samples", fmt::format("{}", partial_.totals.samples)},
      {"classes", partial_.totals.classes ? "1" : "0"},
      {"answers", fmt::format("{}", partial_.totals.answers)},
      {"plateau_factor", fmt::format("{}", plateau_.factor)},
      {"plateau_best", fmt::format("{}", plateau_.best)},
      {"plateau_bad_epochs", fmt::format("{}", plateau_.bad_epochs)},
      {"plateau_cooldown", fmt::format("{}", plateau_.cooldown)},
      {"best_value", fmt::format("{}", best_.best)},
      {"best_epoch", fmt::format("{}", best_.epoch)},
      {"best_rule", best_rule_},
      {"metrics", fmt::format("{}", fmt::join(names_of_metrics(options_.metrics), ","))}};
  for (const auto& [name, sum] : partial_.totals.others)
    metadata["metric_sum." + name] = fmt::format("{}", sum);
  save_safetensors(path, tensors, metadata);
}

void Trainer::load_checkpoint(const std::string& path) {
  check_not_averaged("load_checkpoint", optimizer_);
  const SafetensorsFile file = load_safetensors(path);
  const Metadata metadata(path, file.metadata);
  const std::string& optimizer = metadata.text("optimizer");
  check<ValueError>(optimizer == optimizer_.type_name(), "load_checkpoint: '{}' was made with {}, need {}",
                    path, optimizer, optimizer_.type_name());
  const auto seed = metadata.number<uint64_t>("seed");
  check<ValueError>(seed == options_.seed, "load_checkpoint: '{}' was made with seed {}, need {}", path, seed,
                    options_.seed);
  const Generator::State random{metadata.number<uint64_t>("random_seed"),
                                metadata.number<uint64_t>("random_stream")};
  const int64_t epoch = metadata.count("epoch");
  const auto lr = metadata.number<double>("lr", "a rate >= 0",
                                          [](double rate) { return rate >= 0 && std::isfinite(rate); });
  const int64_t batches = metadata.count("batches");
  const Partial partial{.batches = batches,
                        .batch_size = metadata.count("batch_size"),
                        .totals = totals_of(metadata, batches, names_of_metrics(options_.metrics))};
  const ReduceOnPlateau::State plateau = plateau_of(metadata);
  const BestEpoch::State best = best_of(metadata);
  const NamedTensors weights = take(file.tensors, kModel), state = take(file.tensors, kOptimizer);
  match_state(model_.state(), weights);  // checks
  const std::vector<ParameterGroup> wanted = groups();
  check_order(metadata, names_of(wanted));
  optimizer_.check_state(parameters_of(wanted), state);

  // From here on nothing is refused.
  model_.to(options_.device);
  attach();
  model_.load_state(weights);
  optimizer_.load_state(state);
  optimizer_.set_lr(lr);
  default_generator().set_state(random);
  epoch_ = epoch;
  partial_ = partial;
  plateau_ = plateau;
  best_ = best;
  best_rule_ = metadata.has("best_rule") ? metadata.text("best_rule") : "";
}

}  // namespace dlengine

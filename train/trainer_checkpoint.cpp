// Checkpoints: all that the training's further course depends on, in one safetensors file.
#include <charconv>
#include <map>
#include <string>
#include <string_view>

#include "dlengine/core/check.h"
#include "dlengine/core/io/safetensors.h"
#include "dlengine/core/random.h"
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

 private:
  const std::string& path_;
  const std::map<std::string, std::string>& entries_;
};

}  // namespace

void Trainer::save_checkpoint(const std::string& path) {
  attach();
  NamedTensors tensors;
  append(tensors, kModel, model_.state());
  append(tensors, kOptimizer, optimizer_.state());
  const Generator::State random = default_generator().state();
  save_safetensors(path, tensors,
                   {{"format", std::string(kFormat)},
                    {"optimizer", std::string(optimizer_.type_name())},
                    {"lr", fmt::format("{}", optimizer_.lr())},
                    {"seed", fmt::format("{}", options_.seed)},
                    {"random_seed", fmt::format("{}", random.seed)},
                    {"random_stream", fmt::format("{}", random.next_stream)},
                    {"epoch", fmt::format("{}", epoch_)},
                    {"batches", fmt::format("{}", partial_.batches)},
                    {"batch_size", fmt::format("{}", partial_.batch_size)},
                    {"loss_sum", fmt::format("{}", partial_.totals.loss)},
                    {"hits", fmt::format("{}", partial_.totals.hits)},
                    {"samples", fmt::format("{}", partial_.totals.samples)},
                    {"classes", fmt::format("{}", partial_.totals.answers)},
                    {"plateau_factor", fmt::format("{}", plateau_.factor)},
                    {"plateau_best", fmt::format("{}", plateau_.best)},
                    {"plateau_bad_epochs", fmt::format("{}", plateau_.bad_epochs)},
                    {"plateau_cooldown", fmt::format("{}", plateau_.cooldown)}});
}

void Trainer::load_checkpoint(const std::string& path) {
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
  const auto epoch = metadata.number<int64_t>("epoch");
  const auto lr = metadata.number<double>("lr");
  const Partial partial{.batches = metadata.number<int64_t>("batches"),
                        .batch_size = metadata.number<int64_t>("batch_size"),
                        .totals = {.loss = metadata.number<double>("loss_sum"),
                                   .hits = metadata.number<int64_t>("hits"),
                                   .samples = metadata.number<int64_t>("samples"),
                                   .answers = metadata.number<int64_t>("classes")}};
  ReduceOnPlateau::State plateau;
  if (metadata.has("plateau_factor")) {  // older files have none
    plateau = {.factor = metadata.number<double>("plateau_factor"),
               .best = metadata.number<double>("plateau_best"),
               .bad_epochs = metadata.number<int64_t>("plateau_bad_epochs"),
               .cooldown = metadata.number<int64_t>("plateau_cooldown")};
  }
  check<IoError>(epoch >= 0 && partial.batches >= 0, "load_checkpoint: '{}' has a negative position", path);

  model_.to(options_.device);
  attach();
  model_.load_state(take(file.tensors, kModel));
  optimizer_.load_state(take(file.tensors, kOptimizer));
  optimizer_.set_lr(lr);
  default_generator().set_state(random);
  epoch_ = epoch;
  partial_ = partial;
  plateau_ = plateau;
}

}  // namespace dlengine

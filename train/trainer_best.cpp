// The number that a training is judged by, and the file of its best epoch.
#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "dlengine/core/check.h"
#include "dlengine/train/inference.h"
#include "dlengine/train/trainer_run.h"

namespace dlengine {

/// Checks before the first epoch that it will have the number that is watched. Which way is better, as far as
/// is known.
MonitorMode Trainer::checked_mode(const Run& run, const Monitored& monitored, MonitorMode mode) {
  check<ValueError>(run.options.validation || !monitored.needs_validation(),
                    "fit: there are no validation data for '{}'", monitored.name());
  const std::string& name = monitored.metric();
  if (name == "accuracy") {
    check<ValueError>(has_accuracy(run),
                      "fit: there is no accuracy to monitor, as no output is right or wrong (see "
                      "TrainerOptions::accuracy)");
  }
  if (name == "accuracy" || name == "loss") return mode;
  const std::vector<std::string> names = names_of_metrics(options_.metrics);
  const auto found = std::find(names.begin(), names.end(), name);
  check<ValueError>(found != names.end(), "fit: there is no '{}' to monitor; there are loss, accuracy{}{}",
                    name, names.empty() ? "" : ", ", fmt::join(names, ", "));
  return mode == MonitorMode::automatic ? options_.metrics[size_t(found - names.begin())].mode() : mode;
}

/// Whether outputs are right or wrong.
bool Trainer::has_accuracy(const Run& run) {
  const Batch sample = first_sample(run.options.validation ? *run.options.validation : run.train);
  const Tensor output = output_of(model_, sample.x.to(options_.device));
  return run.log->counts(loss_, output, sample.y.to(options_.device));
}

// A best epoch whose file is gone or another one, or that was judged by another number, is none to beat.
void Trainer::begin_best(Run& run) {
  const SaveBest& options = *run.options.save_best;
  run.best.emplace(options.monitor, checked_mode(run, options.monitor, options.mode));
  const std::string rule = fmt::format("{}, {} in {:?}", run.best->rule(run.options.validation != nullptr),
                                       options.save_weights_only ? "weights" : "checkpoint", options.path);
  if (rule != best_rule_ || !std::filesystem::exists(options.path)) best_ = {};
  best_rule_ = rule;
  run.best->set_state(best_);
}

// on_epoch comes between the judgement, which a checkpoint that it saves has, and the file, which has what it
// changes.
void Trainer::end_epoch(Run& run, const EpochRecord& record) {
  const BestEpoch::State before = best_;
  const bool better = run.best && run.best->better(record);
  if (better) best_ = run.best->state();
  try {
    if (run.options.on_epoch) run.options.on_epoch(record);
  } catch (...) {
    best_ = before;  // whose file is there
    throw;
  }
  if (better) save_best(*run.options.save_best);
}

void Trainer::save_best(const SaveBest& options) {
  if (!options.save_weights_only) return save_checkpoint(options.path);
  const Averaged averaged(optimizer_);
  save_weights(model_, options.path);
}

}  // namespace dlengine

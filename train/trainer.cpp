// The trainer's epochs: what comes before, between and after them.
#include "dlengine/train/trainer.h"

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "dlengine/core/check.h"
#include "dlengine/core/io/atomic_file.h"
#include "dlengine/train/trainer_run.h"

namespace dlengine {
namespace {

void check_fit(const Dataset& train, const FitOptions& options) {
  check<ValueError>(options.epochs >= 1, "fit: need epochs >= 1, got {}", options.epochs);
  check<ValueError>(options.batch_size >= 1, "fit: need batch_size >= 1, got {}", options.batch_size);
  check<ValueError>(train.size() > 0, "fit: the training data set is empty");
  check<ValueError>(!options.validation || options.validation->size() > 0,
                    "fit: the validation data set is empty");
  check<ValueError>(options.validation_split >= 0 && options.validation_split < 1,
                    "fit: need 0 <= validation_split < 1, got {}", options.validation_split);
  check<ValueError>(options.validation_split == 0 || !options.validation,
                    "fit: give either validation or validation_split, not both");
  if (!options.checkpoint.empty()) AtomicFile(options.checkpoint);  // fails now rather than after an epoch
  if (!options.save_best) return;
  const std::string& path = options.save_best->path;
  check<ValueError>(!path.empty(), "fit: save_best needs a path");
  check<ValueError>(path != options.checkpoint,
                    "fit: save_best needs a file of its own, not '{}' of the checkpoint", path);
  AtomicFile probe(path);
}

ProgressOptions progress_options(const TrainerOptions& options) {
  ProgressOptions result = options.progress_to;
  if (!options.progress) result.write = [](std::string_view) {};
  return result;
}

}  // namespace

Trainer::Trainer(Module& model, LossFunction loss, Optimizer& optimizer, const TrainerOptions& options)
    : model_(model), loss_(std::move(loss)), optimizer_(optimizer), options_(options) {
  check<ValueError>(options.accumulate >= 1, "Trainer: need accumulate >= 1, got {}", options.accumulate);
  check_names(options.metrics);
  if (options.clipping.value != 0 || options.clipping.norm != 0) optimizer.set_clipping(options.clipping);
  if (options.average) optimizer.average_weights(*options.average);
}

History Trainer::fit(const Dataset& train, const FitOptions& options) {
  check_fit(train, options);
  if (options.validation_split == 0) return fit_all(train, options);
  const auto kept = static_cast<int64_t>(static_cast<double>(train.size()) * (1 - options.validation_split));
  check<ValueError>(kept > 0 && kept < train.size(),
                    "fit: validation_split {} of {} samples leaves a part without any",
                    options.validation_split, train.size());
  const Subset first(train, 0, kept), last(train, kept, train.size());
  FitOptions with_validation = options;
  with_validation.validation = &last;
  return fit_all(first, with_validation);
}

History Trainer::fit_all(const Dataset& train, const FitOptions& options) {
  read_totals();
  check<ValueError>(partial_.batches == 0 || partial_.batch_size == options.batch_size,
                    "fit: epoch {} was begun with batch_size {} and cannot go on with {}", epoch_ + 1,
                    partial_.batch_size, options.batch_size);
  check<ValueError>(!options.drop_last || train.size() >= options.batch_size,
                    "fit: drop_last leaves no batch of {} samples with batch_size {}", train.size(),
                    options.batch_size);
  place(train);
  attach();
  const LoaderOptions order{.batch_size = options.batch_size,
                            .shuffle = options.shuffle,
                            .drop_last = options.drop_last,
                            .seed = options_.seed};
  Run run{.options = options,
          .train = train,
          .progress = Progress(progress_options(options_)),
          .interrupt = InterruptGuard(options_.stop_on_interrupt),
          .log = std::make_shared<StepLog>(options_.device, options_.accuracy, options_.metrics),
          .batches =
              batch_loop(train, order, options_.accumulate,
                         [&](const Samples& batch, const StepPart& part) { train_step(batch, part, run); }),
          .doctor = DoctorVisits(options.doctor, train, loss_, options_.device)};
  begin(run);
  stop_ = false;
  History history;
  while (epoch_ < options.epochs && !run.interrupt.interrupted() && !history.stopped_early) {
    EpochRecord record;
    record.epoch = epoch_ + 1;
    if (train_epoch(run, record)) finish_epoch(run, record, history);
    history.stopped_early |= stop_;
    if (!options.checkpoint.empty()) save_checkpoint(options.checkpoint);
  }
  history.interrupted = run.interrupt.interrupted();
  if (run.best) history.saved_epoch = best_.epoch;
  const bool between_epochs = partial_.batches == 0;
  if (run.stopper && between_epochs && !history.interrupted) run.stopper->restore();
  return history;
}

void Trainer::begin(Run& run) {
  const FitOptions& options = run.options;
  if (options.validation) {
    run.validation = std::make_unique<Evaluation>(*this, *options.validation, options.batch_size);
  }
  if (options.plateau) {
    run.plateau.emplace(*options.plateau);
    run.plateau->set_state(plateau_);
  }
  check<ValueError>(!options.early_stopping || !options.early_stopping->restore_best_weights ||
                        !optimizer_.averages_weights(),
                    "fit: early stopping cannot bring weights back where their average is evaluated");
  if (options.early_stopping) {
    EarlyStopping stopping = *options.early_stopping;
    stopping.mode = checked_mode(run, stopping.monitor, stopping.mode);
    run.stopper.emplace(model_, stopping);
  }
  if (options.save_best) begin_best(run);
  if (options.on_batch) {
    run.batches.advance_singly();
    run.log->keep_last_loss();
  }
  if (!options.csv_log.empty()) run.csv.emplace(options.csv_log, epoch_, names_of_metrics(options_.metrics));
  tell_reason(run, why_not_replayed());
  if (epoch_ >= options.epochs) {
    run.progress.note(fmt::format(
        "nothing to train: epoch {} is done, and FitOptions::epochs, the number of the last one, is {}",
        epoch_, options.epochs));
  }
  if (epoch_ == 0 && partial_.batches == 0) run.doctor.before_training();
}

void Trainer::finish_epoch(Run& run, EpochRecord& record, History& history) {
  ++epoch_;
  if (run.validation) record.validation = run.validation->metrics();
  if (run.plateau) {
    run.plateau->update(run.validation ? record.validation.loss : record.train.loss);
    plateau_ = run.plateau->state();
  }
  run.progress.finish_epoch(record);
  history.epochs.push_back(record);
  run.doctor.after_epoch(record);
  tell_news(run);
  if (run.csv) run.csv->add(record);
  end_epoch(run, record);
  if (!run.stopper) return;
  if (run.stopper->over(record)) history.stopped_early = true;
  history.best_epoch = run.stopper->best_epoch();
}

// What keeps steps from being replayed as far as can be told before the first one; empty: nothing.
std::string Trainer::why_not_replayed() {
  if (options_.replay != Replay::automatic) return {};
  if (const Module* module = model_.first_not_replayable()) {
    return fmt::format("{} does not say that it is replayable", module->type_name());
  }
  for (const NamedMetric& metric : options_.metrics) {
    if (metric.replayable()) continue;
    return fmt::format("the metric '{}' does not say that it is replayable", metric.name());
  }
  return loss_.replayable() ? "" : "the loss is a function that may do more than tensor operations";
}

void Trainer::tell_reason(Run& run, const std::string& reason) {
  if (run.told || reason.empty()) return;
  run.progress.note("steps are not replayed: " + reason);
  run.told = true;
}

void Trainer::tell_news(Run& run) {
  for (const std::string& line : run.doctor.news()) run.progress.note(line);
}

void Trainer::tell_failure(Run& run) {
  run.doctor.after_failure();
  tell_news(run);
}

BatchLoop Trainer::batch_loop(const Dataset& data, const LoaderOptions& order, int64_t accumulate,
                              std::function<void(const Samples& batch, const StepPart& part)> step) {
  const bool replay = options_.replay != Replay::never && why_not_replayed().empty();
  return {data,
          {.device = options_.device,
           .order = order,
           .accumulate = accumulate,
           .resident_bytes = options_.resident_bytes,
           .replay = replay},
          std::move(step)};
}

}  // namespace dlengine

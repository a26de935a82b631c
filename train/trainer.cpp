// The training loop.
#include "dlengine/train/trainer.h"

#include <cmath>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "dlengine/core/autograd.h"
#include "dlengine/core/check.h"
#include "dlengine/core/io/atomic_file.h"
#include "dlengine/core/ops.h"
#include "dlengine/layers/batch_norm.h"
#include "dlengine/train/batch_loop.h"
#include "dlengine/train/csv_log.h"
#include "dlengine/train/doctor/visits.h"
#include "dlengine/train/evaluation.h"
#include "dlengine/train/inference.h"
#include "dlengine/train/interrupt.h"
#include "dlengine/train/step_log.h"

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
}

int64_t samples_per_epoch(const Dataset& train, const FitOptions& options) {
  return options.drop_last ? train.size() - train.size() % options.batch_size : train.size();
}

/// Some errors are of a last batch that has few samples, as of batch norm with one.
void name_short_batch(Error& error, int64_t size, int64_t samples, int64_t batch_size) {
  if (size == batch_size || samples < batch_size) return;
  error.add_context(fmt::format("in the last batch, of size {} (FitOptions::drop_last leaves it out)", size));
}

/// Hands the optimizer the rates of an epoch's steps; gives it its own rate back at the end.
class ScheduledRates {
 public:
  ScheduledRates(Optimizer& optimizer, double base, std::vector<double> rates)
      : optimizer_(optimizer), base_(base), set_(!rates.empty()) {
    if (set_) optimizer_.set_lr(std::move(rates));
  }
  ~ScheduledRates() {
    if (set_) optimizer_.set_lr(base_);
  }
  ScheduledRates(const ScheduledRates&) = delete;
  ScheduledRates& operator=(const ScheduledRates&) = delete;

 private:
  Optimizer& optimizer_;
  double base_;
  bool set_;
};

ProgressOptions progress_options(const TrainerOptions& options) {
  ProgressOptions result = options.progress_to;
  if (!options.progress) result.write = [](std::string_view) {};
  return result;
}

}  // namespace

struct Trainer::Run {
  const FitOptions& options;
  const Dataset& train;
  Progress progress;
  InterruptGuard interrupt;
  StepLog log;
  BatchLoop batches;
  DoctorVisits doctor;
  std::unique_ptr<Evaluation> validation = nullptr;  // if there is any
  std::optional<ReduceOnPlateau> plateau = {};
  std::optional<EarlyStopper> stopper = {};
  std::optional<CsvLog> csv = {};
  bool told = false;                                          // why steps are not replayed
  std::vector<std::pair<bool, const void*>> parameters = {};  // whether recorded steps train them, and where
};

Trainer::Trainer(Module& model, LossFunction loss, Optimizer& optimizer, const TrainerOptions& options)
    : model_(model), loss_(std::move(loss)), optimizer_(optimizer), options_(options) {
  check<ValueError>(options.accumulate >= 1, "Trainer: need accumulate >= 1, got {}", options.accumulate);
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
          .log = StepLog(options_.device, options_.accuracy),
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
    if (!options.checkpoint.empty()) save_checkpoint(options.checkpoint);
  }
  history.interrupted = run.interrupt.interrupted();
  if (run.stopper && !history.interrupted) run.stopper->restore();
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
    run.stopper.emplace(model_, *options.early_stopping);
    if (options.early_stopping->monitor == Monitor::accuracy) run.stopper->check_monitored(has_accuracy(run));
  }
  if (!options.csv_log.empty()) run.csv.emplace(options.csv_log, epoch_);
  tell_reason(run, why_not_replayed());
  if (epoch_ >= options.epochs) {
    run.progress.note(fmt::format(
        "nothing to train: epoch {} is done, and FitOptions::epochs, the number of the last one, is {}",
        epoch_, options.epochs));
  }
  if (epoch_ == 0 && partial_.batches == 0) run.doctor.before_training();
}

/// Whether the outputs that early stopping monitors are right or wrong.
bool Trainer::has_accuracy(const Run& run) {
  const Batch sample = first_sample(run.options.validation ? *run.options.validation : run.train);
  const Tensor output = output_of(model_, sample.x.to(options_.device));
  return run.log.counts(loss_, output, sample.y.to(options_.device));
}

/// Replayed steps do not see by themselves what was frozen, unfrozen or moved between epochs.
void Trainer::notice_changes(Run& run) {
  std::vector<std::pair<bool, const void*>> now;
  for (const Tensor& parameter : model_.parameters()) {
    now.emplace_back(parameter.requires_grad(), parameter.raw());
  }
  if (now == run.parameters) return;
  run.batches.forget_recordings();
  run.parameters = std::move(now);
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
  if (run.options.on_epoch) run.options.on_epoch(record);
  history.stopped_early = stop_;
  if (!run.stopper) return;
  if (run.stopper->over(record)) history.stopped_early = true;
  history.best_epoch = run.stopper->best_epoch();
}

// One epoch, or the rest of one. Returns false if Ctrl-C came before its end; partial_ then says where.
bool Trainer::train_epoch(Run& run, EpochRecord& record) {
  const int64_t steps = run.batches.batches_per_epoch();
  check<ValueError>(partial_.batches <= steps,
                    "fit: epoch {} was left after {} batches, but this data has only {}", record.epoch,
                    partial_.batches, steps);
  check<ValueError>(partial_.batches % options_.accumulate == 0,
                    "fit: epoch {} was left after {} batches, which is no whole number of steps of {}",
                    record.epoch, partial_.batches, options_.accumulate);
  const ScheduledRates rates(optimizer_, optimizer_.lr(), rates_of_epoch(run.options, steps));
  StepLog& log = run.log;
  log.start(partial_.batches, partial_.totals);
  const double started = run.progress.now();
  const auto read_log = [&] {
    const int64_t bad = log.read();
    if (bad != 0) tell_failure(run);
    check<ValueError>(bad == 0, "fit: the loss is not finite in epoch {}, step {} of {}", record.epoch, bad,
                      steps);
    record.train = log.totals().metrics(run.progress.now() - started);
  };
  train_unfrozen(model_);
  notice_changes(run);
  run.progress.start_epoch(record.epoch, run.options.epochs, samples_per_epoch(run.train, run.options),
                           partial_.totals.samples);
  run.batches.start_epoch(epoch_, partial_.batches);
  int64_t done = partial_.batches;
  const int64_t k = options_.accumulate;
  run.doctor.before_steps();
  while (!run.interrupt.interrupted() || done % k != 0) {
    const int64_t more = run.batches.advance();
    if (more == 0) break;
    done += more;
    if (done % k == 0) run.doctor.after_steps((done - partial_.batches) / k);
    tell_reason(run, run.batches.reason());
    if (run.progress.due()) {
      read_log();
      run.progress.update(record.train);
    }
  }
  read_log();
  check_finite(run);
  record.lr = optimizer_.lr();
  record.rate = run.progress.rate(record.train);
  partial_ = {};
  if (done == steps) return true;
  partial_ = {.batches = done, .batch_size = run.options.batch_size, .totals = log.totals()};
  run.progress.stop_epoch(record.train, "stopped by Ctrl-C");
  return false;
}

/// The rates of the optimizer's steps in the rest of the epoch; none without a schedule or plateau.
std::vector<double> Trainer::rates_of_epoch(const FitOptions& options, int64_t batches) const {
  const double base = optimizer_.lr() * (options.plateau ? plateau_.factor : 1);
  if (!options.schedule) return options.plateau ? std::vector{base} : std::vector<double>();
  const int64_t k = options_.accumulate, steps = (batches + k - 1) / k;
  std::vector<double> rates;
  for (int64_t step = epoch_ * steps + partial_.batches / k; step < (epoch_ + 1) * steps; ++step) {
    rates.push_back(base * options.schedule(step, steps * options.epochs));
  }
  return rates;
}

// What keeps steps from being replayed as far as can be told before the first one; empty: nothing.
std::string Trainer::why_not_replayed() {
  if (options_.replay != Replay::automatic) return {};
  if (const Module* module = model_.first_not_replayable()) {
    return fmt::format("{} does not say that it is replayable", module->type_name());
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

void Trainer::train_step(const Samples& batch, const StepPart& part, Run& run) {
  try {
    if (part.first) optimizer_.zero_grad();
    const Tensor loss = run.log.loss_of(loss_, model_(batch.x), batch.y);
    (part.of > 1 ? loss / static_cast<double>(part.of) : loss).backward();
    if (part.last) optimizer_.step();
  } catch (Error& error) {
    name_short_batch(error, batch.size(), run.train.size(), run.options.batch_size);
    throw;
  }
}

// The loss of the last step is older than the last update, so a good loss alone does not mean good weights.
void Trainer::check_finite(Run& run) {
  const NoGrad no_grad;
  std::vector<std::string> names;
  std::vector<Tensor> largest;  // read together, as each reading waits for the device
  for (const auto& [name, tensor] : model_.state()) {
    if (tensor.numel() == 0 || !is_floating(tensor.dtype())) continue;
    names.push_back(name);
    largest.push_back(max(abs(tensor)).to(DType::f64).reshape({1}));
  }
  if (largest.empty()) return;
  const auto values = concat(largest).to_vector<double>();
  for (size_t i = 0; i < values.size(); ++i) {
    if (!std::isfinite(values[i])) tell_failure(run);
    check<ValueError>(std::isfinite(values[i]), "fit: {} is not finite after epoch {}", names[i], epoch_ + 1);
  }
}

}  // namespace dlengine

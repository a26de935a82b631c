// One epoch of the trainer and the steps in it.
#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "dlengine/core/autograd.h"
#include "dlengine/core/check.h"
#include "dlengine/core/ops.h"
#include "dlengine/layers/batch_norm.h"
#include "dlengine/train/trainer_run.h"

namespace dlengine {
namespace {

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
  ScheduledRates(Optimizer& optimizer, std::optional<double>& base, std::vector<double> rates)
      : optimizer_(optimizer), base_(base) {
    if (rates.empty()) return;
    base_ = optimizer_.lr();
    optimizer_.set_lr(std::move(rates));
  }
  ~ScheduledRates() {
    if (base_) optimizer_.set_lr(*base_);
    base_.reset();
  }
  ScheduledRates(const ScheduledRates&) = delete;
  ScheduledRates& operator=(const ScheduledRates&) = delete;

 private:
  Optimizer& optimizer_;
  std::optional<double>& base_;
};

}  // namespace

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

/// Waits for the device.
void Trainer::read_log(Run& run, EpochRecord& record) {
  const int64_t bad = run.log->read();
  if (bad != 0) tell_failure(run);
  check<ValueError>(bad == 0, "fit: the loss is not finite in epoch {}, step {} of {}{}", record.epoch, bad,
                    run.batches.batches_per_epoch(),
                    loss_.ignore_index() ? " (nor is that of a batch of ignored labels alone)" : "");
  record.train = run.log->totals().metrics(run.progress.now() - run.started);
}

/// Whether the epoch is to be left before its end.
bool Trainer::leaves(const Run& run) const { return stop_ || run.interrupt.interrupted(); }

/// What is left of the epoch. Returns how many of its batches are done.
int64_t Trainer::run_steps(Run& run, EpochRecord& record) {
  const int64_t begin = partial_.batches, k = options_.accumulate;
  int64_t done = begin;
  BatchRecord batch{.epoch = record.epoch, .batches = run.batches.batches_per_epoch()};
  batch.loss = [&] { return run.log->last_loss(); };
  batch.metrics = [&] {
    read_log(run, record);
    return record.train;
  };
  while (!leaves(run) || done % k != 0) {
    const int64_t more = run.batches.advance();
    if (more == 0) break;
    done += more;
    if (done % k == 0) run.doctor.after_steps(done / k - begin / k);
    tell_reason(run, run.batches.reason());
    if (run.progress.due()) {
      read_log(run, record);
      run.progress.update(record.train);
    }
    batch.batch = done;
    if (run.options.on_batch) tell_batch(run, batch);
  }
  return done;
}

// The training stands after this batch, for a checkpoint and for the next fit() if on_batch throws.
void Trainer::tell_batch(Run& run, const BatchRecord& batch) {
  partial_.batches = batch.batch;
  partial_.batch_size = run.options.batch_size;
  partial_.log = run.log;
  partial_.in_step = batch.batch % options_.accumulate != 0 && batch.batch != batch.batches;
  run.options.on_batch(batch);
}

/// Waits for the device, if they were not read yet.
void Trainer::read_totals() {
  if (!partial_.log) return;
  const int64_t bad = partial_.log->read();
  check<ValueError>(bad == 0, "Trainer: the loss is not finite in epoch {}, step {}", epoch_ + 1, bad);
  partial_.totals = partial_.log->totals();
}

// One epoch, or the rest of one. Returns false if it was left before its end; partial_ then says where.
bool Trainer::train_epoch(Run& run, EpochRecord& record) {
  const int64_t steps = run.batches.batches_per_epoch();
  check<ValueError>(partial_.batches <= steps,
                    "fit: epoch {} was left after {} batches, but this data has only {}", record.epoch,
                    partial_.batches, steps);
  const bool whole = partial_.batches % options_.accumulate == 0 || partial_.batches == steps;
  check<ValueError>(whole || partial_.in_step,
                    "fit: epoch {} was left after {} batches, which is no whole number of steps of {}",
                    record.epoch, partial_.batches, options_.accumulate);
  const ScheduledRates rates(optimizer_, base_lr_, rates_of_epoch(run.options, steps));
  run.log->start(partial_.batches, partial_.totals);
  run.started = run.progress.now();
  train_unfrozen(model_);
  notice_changes(run);
  run.progress.start_epoch(record.epoch, run.options.epochs, samples_per_epoch(run.train, run.options),
                           partial_.totals.samples);
  run.batches.start_epoch(epoch_, partial_.batches);
  run.doctor.before_steps();
  const int64_t done = run_steps(run, record);
  read_log(run, record);
  check_finite(run);
  record.lr = optimizer_.lr();
  record.rate = run.progress.rate(record.train);
  partial_ = {};
  if (done == steps) return true;
  partial_ = {.batches = done, .batch_size = run.options.batch_size, .totals = run.log->totals()};
  run.progress.stop_epoch(record.train, run.interrupt.interrupted() ? "stopped by Ctrl-C" : "stopped");
  return false;
}

/// The rates of the optimizer's steps in the rest of the epoch; none without a schedule or plateau.
std::vector<double> Trainer::rates_of_epoch(const FitOptions& options, int64_t batches) const {
  const double base = optimizer_.lr() * (options.plateau ? plateau_.factor : 1);
  if (!options.schedule) return options.plateau ? std::vector{base} : std::vector<double>();
  const int64_t k = options_.accumulate, steps = (batches + k - 1) / k;
  std::vector<double> rates;
  const int64_t first = std::min(partial_.batches / k, steps - 1);  // where none is left, the last one's
  for (int64_t step = epoch_ * steps + first; step < (epoch_ + 1) * steps; ++step) {
    rates.push_back(base * options.schedule(step, steps * options.epochs));
  }
  return rates;
}

void Trainer::train_step(const Samples& batch, const StepPart& part, Run& run) {
  try {
    if (part.first) optimizer_.zero_grad();
    const Tensor loss = run.log->loss_of(loss_, model_(batch.x), batch.y);
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

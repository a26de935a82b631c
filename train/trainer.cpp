// The training loop.
#include "dlengine/train/trainer.h"

#include <cmath>
#include <utility>

#include "dlengine/core/autograd.h"
#include "dlengine/core/check.h"
#include "dlengine/core/io/atomic_file.h"
#include "dlengine/core/ops.h"
#include "dlengine/data/loader.h"
#include "dlengine/train/captured_step.h"
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
  if (!options.checkpoint.empty()) AtomicFile(options.checkpoint);  // fails now rather than after an epoch
}

/// Sets the scheduled rate before each step; gives the optimizer its own rate back at the end.
class ScheduledRate {
 public:
  ScheduledRate(Optimizer& optimizer, const Schedule& schedule, int64_t steps)
      : optimizer_(optimizer), schedule_(schedule), base_(optimizer.lr()), steps_(steps) {}
  ~ScheduledRate() {
    if (schedule_) optimizer_.set_lr(base_);
  }
  ScheduledRate(const ScheduledRate&) = delete;
  ScheduledRate& operator=(const ScheduledRate&) = delete;

  void set(int64_t step) {
    if (schedule_) optimizer_.set_lr(base_ * schedule_(step, steps_));
  }

 private:
  Optimizer& optimizer_;
  const Schedule& schedule_;
  double base_;
  int64_t steps_;
};

ProgressOptions progress_options(const TrainerOptions& options) {
  ProgressOptions result = options.progress_to;
  if (!options.progress) result.write = [](std::string_view) {};
  return result;
}

}  // namespace

struct Trainer::Run {
  const FitOptions& options;
  Loader loader;
  Progress progress;
  InterruptGuard interrupt;
  StepLog log;
  CapturedStep step;
  bool eager = false;  // steps cannot be replayed
};

Trainer::Trainer(Module& model, LossFunction loss, Optimizer& optimizer, const TrainerOptions& options)
    : model_(model), loss_(std::move(loss)), optimizer_(optimizer), options_(options) {}

History Trainer::fit(const Dataset& train, const FitOptions& options) {
  check_fit(train, options);
  check<ValueError>(partial_.batches == 0 || partial_.batch_size == options.batch_size,
                    "fit: epoch {} was begun with batch_size {} and cannot go on with {}", epoch_ + 1,
                    partial_.batch_size, options.batch_size);
  place(train);
  attach();
  const LoaderOptions order{
      .batch_size = options.batch_size, .shuffle = options.shuffle, .seed = options_.seed};
  Run run{.options = options,
          .loader = Loader(train, order),
          .progress = Progress(progress_options(options_)),
          .interrupt = InterruptGuard(options_.stop_on_interrupt),
          .log = StepLog(options_.device),
          .step = CapturedStep(options_.device, [&](const std::vector<Tensor>& batch) {
            train_step(batch[0], batch[1], run.log);
            return std::vector<Tensor>();
          })};
  const std::string obstacle = why_not_replayed();
  run.eager = !obstacle.empty();
  if (run.eager) run.progress.note("steps are not replayed: " + obstacle);
  History history;
  while (epoch_ < options.epochs && !run.interrupt.interrupted()) {
    EpochRecord record;
    record.epoch = epoch_ + 1;
    if (train_epoch(run, record)) {
      ++epoch_;
      if (options.validation) record.validation = evaluate(*options.validation, options.batch_size);
      run.progress.finish_epoch(record);
      history.epochs.push_back(record);
      if (options.on_epoch) options.on_epoch(record);
    }
    if (!options.checkpoint.empty()) save_checkpoint(options.checkpoint);
  }
  history.interrupted = run.interrupt.interrupted();
  return history;
}

// One epoch, or the rest of one. Returns false if Ctrl-C came before its end; partial_ then says where.
bool Trainer::train_epoch(Run& run, EpochRecord& record) {
  const int64_t steps = run.loader.batches_per_epoch();
  check<ValueError>(partial_.batches <= steps,
                    "fit: epoch {} was left after {} batches, but this data has only {}", record.epoch,
                    partial_.batches, steps);
  ScheduledRate rate(optimizer_, run.options.schedule, steps * run.options.epochs);
  StepLog& log = run.log;
  log.start(partial_.batches, partial_.totals);
  const double started = run.progress.now();
  const auto read_log = [&] {
    const int64_t bad = log.read();
    check<ValueError>(bad == 0, "fit: the loss is not finite in epoch {}, step {} of {}", record.epoch, bad,
                      steps);
    record.train = log.totals().metrics(run.progress.now() - started);
  };
  model_.train();
  run.progress.start_epoch(record.epoch, run.options.epochs, run.loader.dataset().size(),
                           partial_.totals.samples);
  run.loader.start_epoch(epoch_);
  Batch batch;
  int64_t done = 0;
  for (; done < partial_.batches; ++done) run.loader.next(batch);  // trained before the interruption
  for (; !run.interrupt.interrupted() && run.loader.next(batch); ++done) {
    rate.set(epoch_ * steps + done);
    run_step(run, batch);
    if (run.progress.due()) {
      read_log();
      run.progress.update(record.train);
    }
  }
  read_log();
  check_finite();
  record.lr = optimizer_.lr();
  record.rate = run.progress.rate(record.train);
  partial_ = {};
  if (done == steps) return true;
  partial_ = {.batches = done, .batch_size = run.options.batch_size, .totals = log.totals()};
  run.progress.stop_epoch(record.train, "stopped by Ctrl-C");
  return false;
}

// What keeps steps from being replayed as far as can be told before the first one; empty: nothing.
std::string Trainer::why_not_replayed() {
  if (options_.replay != Replay::automatic) return {};
  if (const Module* module = model_.first_not_replayable()) {
    return fmt::format("{} does not say that it is replayable", module->type_name());
  }
  return loss_.replayable() ? "" : "the loss is a function that may do more than tensor operations";
}

void Trainer::run_step(Run& run, const Batch& batch) {
  if (options_.replay == Replay::never || run.eager) {
    return train_step(batch.x.to(options_.device), batch.y.to(options_.device), run.log);
  }
  run.step({batch.x, batch.y});
  if (run.step.reason().empty()) return;
  run.eager = true;
  run.progress.note("steps are not replayed: a step " + run.step.reason());
}

void Trainer::train_step(const Tensor& x, const Tensor& target, StepLog& log) {
  optimizer_.zero_grad();
  log.loss_of(loss_, model_(x), target).backward();
  optimizer_.step();
}

// The loss of the last step is older than the last update, so a good loss alone does not mean good weights.
void Trainer::check_finite() {
  for (const auto& [name, tensor] : model_.state()) {
    if (tensor.numel() == 0 || !is_floating(tensor.dtype())) continue;
    const NoGrad no_grad;
    check<ValueError>(std::isfinite(max(abs(tensor)).item<double>()), "fit: {} is not finite after epoch {}",
                      name, epoch_ + 1);
  }
}

// Where the model has layers whose input size was left out, a first sample tells them.
void Trainer::place(const Dataset& data) {
  model_.to(options_.device);
  const int64_t first[] = {0};
  const Batch sample = data.get(first);
  model_.infer_shapes(sample.x.shape(), options_.device);
}

void Trainer::attach() {
  if (!optimizer_.attached()) optimizer_.attach(model_.parameters());
}

}  // namespace dlengine

// The trainer's evaluate and predict: evaluation mode, nothing on the tape.
#include <vector>

#include "dlengine/core/autograd.h"
#include "dlengine/core/check.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/ops.h"
#include "dlengine/data/loader.h"
#include "dlengine/train/evaluation.h"
#include "dlengine/train/progress.h"
#include "dlengine/train/trainer.h"

namespace dlengine {
namespace {

void check_data(const char* name, const Dataset& data, int64_t batch_size) {
  check<ValueError>(batch_size >= 1, "{}: need batch_size >= 1, got {}", name, batch_size);
  check<ValueError>(data.size() > 0, "{}: the data set is empty", name);
}

}  // namespace

Trainer::Evaluation::Evaluation(Trainer& trainer, const Dataset& data, int64_t batch_size)
    : trainer_((trainer.place(data), trainer)),
      log_(trainer.options_.device, trainer.options_.accuracy, trainer.options_.metrics),
      batches_(trainer.batch_loop(data, {.batch_size = batch_size, .seed = trainer.options_.seed}, 1,
                                  [this](const Samples& batch, const StepPart&) { count(batch); })) {}

void Trainer::Evaluation::count(const Samples& batch) {
  log_.loss_of(trainer_.loss_, trainer_.model_(batch.x), batch.y);
}

Metrics Trainer::Evaluation::metrics() {
  const Progress clock(trainer_.options_.progress_to);
  const double started = clock.now();
  const NoGrad no_grad;
  const EvaluationMode mode(trainer_.model_);
  const Averaged averaged(trainer_.optimizer_);
  log_.start();
  batches_.start_epoch(0);
  while (batches_.advance() > 0) {
  }
  log_.read();
  return log_.totals().metrics(clock.now() - started);
}

Metrics Trainer::evaluate(const Dataset& data, int64_t batch_size) {
  check_data("evaluate", data, batch_size);
  return Evaluation(*this, data, batch_size).metrics();
}

Tensor Trainer::predict(const Dataset& data, int64_t batch_size) {
  check_data("predict", data, batch_size);
  place(data);
  const NoGrad no_grad;
  const EvaluationMode mode(model_);
  const Averaged averaged(optimizer_);
  Loader loader(data, {.batch_size = batch_size, .seed = options_.seed});
  std::vector<Tensor> outputs;
  for (Batch batch; loader.next(batch);) outputs.push_back(model_(batch.x.to(options_.device)).to(kCpu));
  return concat(outputs);
}

Tensor Trainer::predict(const Tensor& x, int64_t batch_size) {
  check<ShapeError>(x.defined() && x.rank() > 0, "predict: need samples x [N, ...], got {}",
                    x.defined() ? "one number" : "an undefined tensor");
  return predict(TensorDataset(x, zeros({x.dim(0)}, DType::u8)), batch_size);
}

}  // namespace dlengine

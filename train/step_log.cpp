// Sums of loss and accuracy with one wait per reading instead of one per step.
#include "dlengine/train/step_log.h"

#include <vector>

#include "dlengine/core/autograd.h"
#include "dlengine/core/backend.h"
#include "dlengine/core/check.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/ops.h"
#include "dlengine/train/trainer.h"

namespace dlengine {
namespace {

bool has_classes(const Tensor& output, const Tensor& target) {
  if (output.rank() != 2 || output.dim(1) < 2) return false;
  const bool one_hot = target.shape() == output.shape();
  const bool classes = target.rank() == 1 && target.dim(0) == output.dim(0) && !is_floating(target.dtype());
  return one_hot || classes;
}

Tensor class_numbers(const Tensor& target) {
  return (target.rank() == 2 ? argmax(target, 1) : target.to(DType::i64)).contiguous();
}

/// f32 and f64 are what count_batch() takes.
Tensor as_loss(const Tensor& loss) {
  return loss.dtype() == DType::f64 ? loss.detach() : loss.detach().to(DType::f32);
}

}  // namespace

Metrics Totals::metrics(double seconds) const {
  const double n = samples > 0 ? static_cast<double>(samples) : 1.0;
  return {.loss = loss / n,
          .accuracy = static_cast<double>(hits) / n,
          .classes = classes,
          .samples = samples,
          .seconds = seconds};
}

StepLog::StepLog(Device device) : sums_(zeros({5}, DType::f64, device)) {}

void StepLog::start(int64_t done, const Totals& before) {
  const NoGrad no_grad;
  const std::vector<double> sums = {before.loss, double(before.hits), double(before.samples), double(done),
                                    0};
  sums_.copy_(from_vector(sums, {5}));
  totals_ = before;
}

Tensor StepLog::loss_of(const LossFunction& loss, const Tensor& output, const Tensor& target) {
  const bool classes = has_classes(output, target);
  classes_ |= classes;
  if (classes && loss.counts()) return loss.counted(output, target, sums_);
  Tensor value = loss(output, target);
  check<ShapeError>(value.numel() == 1, "fit: need a loss of one element, got {}", value.shape());
  const NoGrad no_grad;
  backend_for(sums_.device())
      .count_batch(as_loss(value), output.detach().contiguous(), classes ? class_numbers(target) : Tensor(),
                   sums_);
  return value;
}

int64_t StepLog::read() {
  const std::vector<double> sums = sums_.to_vector<double>();
  totals_ = {.loss = sums[0],
             .hits = static_cast<int64_t>(sums[1]),
             .samples = static_cast<int64_t>(sums[2]),
             .classes = classes_ || totals_.classes};
  return static_cast<int64_t>(sums[4]);
}

}  // namespace dlengine

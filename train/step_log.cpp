// Sums of loss and accuracy with one wait per reading instead of one per step.
#include "dlengine/train/step_log.h"

#include <cmath>

#include "dlengine/core/autograd.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/ops.h"

namespace dlengine {
namespace {

bool has_classes(const Tensor& output, const Tensor& target) {
  if (output.rank() != 2 || output.dim(1) < 2) return false;
  const bool one_hot = target.shape() == output.shape();
  const bool classes = target.rank() == 1 && target.dim(0) == output.dim(0) && !is_floating(target.dtype());
  return one_hot || classes;
}

Tensor count_hits(const Tensor& output, const Tensor& target) {
  const Tensor labels = target.rank() == 2 ? argmax(target, 1) : target.to(DType::i64);
  return sum(equal(argmax(output, 1), labels));
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

StepLog::StepLog(int64_t steps, Device device, int64_t done, const Totals& before)
    : losses_(zeros({steps}, DType::f64, device)),
      hits_(zeros({steps}, DType::i64, device)),
      done_(done),
      totals_(before) {}

void StepLog::add(const Tensor& loss, const Tensor& output, const Tensor& target) {
  const NoGrad no_grad;
  losses_.select(0, steps()).copy_(loss.detach().reshape({}));
  if (has_classes(output, target)) {
    hits_.select(0, steps()).copy_(count_hits(output.detach(), target));
    totals_.classes = true;
  }
  sizes_.push_back(output.dim(0));
}

int64_t StepLog::read() {
  const int64_t first = done_ + static_cast<int64_t>(read_);
  const std::vector<double> losses = losses_.slice(0, first, steps()).to_vector<double>();
  const std::vector<int64_t> hits = hits_.slice(0, first, steps()).to_vector<int64_t>();
  int64_t bad = 0;
  for (size_t i = 0; i < losses.size(); ++i) {
    const int64_t size = sizes_[read_ + i];
    if (bad == 0 && !std::isfinite(losses[i])) bad = first + static_cast<int64_t>(i) + 1;
    totals_.loss += losses[i] * static_cast<double>(size);
    totals_.hits += hits[i];
    totals_.samples += size;
  }
  read_ = sizes_.size();
  return bad;
}

}  // namespace dlengine

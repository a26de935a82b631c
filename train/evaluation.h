// Internal: a model's loss and metrics on a data set, as often as is asked.
#pragma once

#include <cstdint>
#include <optional>

#include "dlengine/train/batch_loop.h"
#include "dlengine/train/history.h"
#include "dlengine/train/step_log.h"
#include "dlengine/train/trainer.h"

namespace dlengine {

/// Shows the average of the weights, if the optimizer keeps one and it is not shown already.
class Averaged {
 public:
  explicit Averaged(Optimizer& optimizer) {
    const bool hidden = optimizer.averages_weights() && optimizer.attached() && !optimizer.shows_average();
    if (hidden) shown_.emplace(optimizer);
  }

 private:
  std::optional<AveragedWeights> shown_;
};

/// Its recorded steps serve from one call of metrics() to the next.
struct Trainer::Evaluation {
  Evaluation(Trainer& trainer, const Dataset& data, int64_t batch_size);
  Metrics metrics();

 private:
  void count(const Samples& batch);

  Trainer& trainer_;
  StepLog log_;
  BatchLoop batches_;
};

}  // namespace dlengine

// Internal: a model's loss and accuracy on a data set, as often as is asked.
#pragma once

#include <cstdint>

#include "dlengine/train/batch_loop.h"
#include "dlengine/train/history.h"
#include "dlengine/train/step_log.h"
#include "dlengine/train/trainer.h"

namespace dlengine {

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

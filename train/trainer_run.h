// Internal: what one call of Trainer::fit() works with.
#pragma once

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "dlengine/train/batch_loop.h"
#include "dlengine/train/csv_log.h"
#include "dlengine/train/doctor/visits.h"
#include "dlengine/train/evaluation.h"
#include "dlengine/train/interrupt.h"
#include "dlengine/train/step_log.h"
#include "dlengine/train/trainer.h"

namespace dlengine {

struct Trainer::Run {
  const FitOptions& options;
  const Dataset& train;
  Progress progress;
  InterruptGuard interrupt;
  std::shared_ptr<StepLog> log;
  BatchLoop batches;
  DoctorVisits doctor;
  std::unique_ptr<Evaluation> validation = nullptr;  // if there is any
  std::optional<ReduceOnPlateau> plateau = {};
  std::optional<EarlyStopper> stopper = {};
  std::optional<BestEpoch> best = {};  // of save_best
  std::optional<CsvLog> csv = {};
  double started = 0;                                         // the epoch
  bool told = false;                                          // why steps are not replayed
  std::vector<std::pair<bool, const void*>> parameters = {};  // whether recorded steps train them, and where
};

}  // namespace dlengine

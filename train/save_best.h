// The best epoch of a training, kept in a file.
#pragma once

#include <string>

#include "dlengine/train/monitor.h"

namespace dlengine {

/// Keras's ModelCheckpoint with save_best_only: the file is that of the best epoch so far, written after each
/// epoch that beats it, whole or not at all. Another path or another kind of file is begun anew.
struct SaveBest {
  std::string path = {};  // required
  Monitored monitor = Monitor::loss;
  MonitorMode mode = MonitorMode::automatic;
  // For load_weights(): the weights that were evaluated, so their average where there is one
  // (TrainerOptions::average). Else all of a checkpoint, from which training can go on.
  bool save_weights_only = false;
};

}  // namespace dlengine

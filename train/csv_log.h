// The epochs of a training as a table that other programs read.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dlengine/train/history.h"

namespace dlengine {

/// One line per epoch under a line of names:
/// epoch,loss,accuracy,val_loss,val_accuracy,lr,seconds,samples_per_second and, for each other metric, mae
/// and val_mae. A cell is empty where there is no such number. Written whole or not at all. Throws IoError.
void save_csv(const std::string& path, const History& history);

/// Such a table that grows with a training.
class CsvLog {
 public:
  /// Keeps the rows of epochs up to `epoch` of a table that is there, as of a training that goes on; with 0
  /// it begins anew. metrics: names of the others. Throws IoError if the file cannot be written, or is there,
  /// not empty and no such table, or one of other metrics that is to go on.
  CsvLog(std::string path, int64_t epoch, const std::vector<std::string>& metrics = {});
  /// Adds a row and writes the file anew.
  void add(const EpochRecord& record);

 private:
  std::string path_;
  std::vector<std::string> metrics_;
  std::string text_;
};

}  // namespace dlengine

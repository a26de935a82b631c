// Internal: when a doctor looks at a training of Trainer::fit().
#pragma once

#include <string>
#include <vector>

#include "dlengine/train/doctor.h"

namespace dlengine {

class Dataset;

/// Without a doctor it does nothing.
class DoctorVisits {
 public:
  DoctorVisits(Doctor* doctor, const Dataset& data, LossFunction loss, Device device);

  /// Before the first epoch of all.
  void before_training();
  /// Before and after the first step of an epoch, or the first few; further calls do nothing.
  void before_steps();
  void after_steps(int64_t steps);
  void after_epoch(const EpochRecord& record);
  /// Looks for where the numbers stopped being finite.
  void after_failure() { examine(); }
  /// What was found since the last call, a line each.
  std::vector<std::string> news();

 private:
  void examine();

  Doctor* doctor_;
  LossFunction loss_;
  Tensor x_, y_;  // of a check-up
  size_t told_ = 0;
  bool measuring_ = false;
  int64_t epochs_ = 0;
};

}  // namespace dlengine

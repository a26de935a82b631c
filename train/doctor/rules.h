// Internal: from measurements to findings.
#pragma once

#include <vector>

#include "dlengine/train/doctor.h"

namespace dlengine {

/// What layers, weights and gradients of one moment say. `untrained`: initial weights are judged, too.
std::vector<Finding> judge_check_up(const CheckUp& check_up, bool untrained);

/// What the losses of the epochs so far and the size of steps say.
std::vector<Finding> judge_course(const TrainingCourse& course);

}  // namespace dlengine

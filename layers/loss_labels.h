// What the labels of a loss are.
#pragma once

#include <cstdint>

namespace dlengine {

/// What a loss takes its labels for, and so which outputs are right. Losses say it as kLabels.
enum class Labels : uint8_t {
  values,         // numbers: no output is right or wrong
  classes,        // classes [N], or rows [N, C], one-hot or soft: the answer is the largest output
  probabilities,  // 1 or 0 for each output, yes or no: yes is an output above 0.5
  logits,         // the same, but yes is an output above 0
  signs           // 1 or else -1 or 0 for each output: yes is an output above 0
};

}  // namespace dlengine

// The work of the program predict.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "apps/data_choice.h"

namespace dlengine::apps {

struct PredictOptions {
  std::string load;              // weights, or a graph
  std::string image;             // path; empty: index counts
  std::optional<int64_t> index;  // in the test set
  bool invert = false;           // the image is dark on light
  DataOptions data;              // without a data set: the one that the weights were trained on
  std::optional<std::string> device;
};

/// Prints the image, the probabilities and the winner. Returns 0. Throws IoError and ValueError.
int predict_one(const PredictOptions& options);

}  // namespace dlengine::apps

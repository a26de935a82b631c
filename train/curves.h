// Pictures of trainings and searches.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dlengine/train/history.h"
#include "dlengine/train/plot.h"
#include "dlengine/train/search.h"

namespace dlengine {

/// Panels of the loss, the accuracy (where outputs are right or wrong) and each other metric from epoch to
/// epoch, of the training and of the validation data.
void plot_history(Figure& figure, const History& history, const std::string& title = {});

/// A panel for each of the first `count` trials: its curves from epoch to epoch, under its rank and score.
/// All have one range of y, whose label says what the scores are.
void plot_trials(Figure& figure, const std::vector<Trial>& ranked, int64_t count = 20,
                 const std::string& label = "score");

}  // namespace dlengine

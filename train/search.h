// Search for hyper-parameters: random trials, ranges that close in on the best ones, more effort for those
// that promise something.
//
//   SearchSpace space;
//   space.log("lr", 1e-5, 1e-1).integer("units", 32, 256).choice("optimizer", {"sgd", "adam"});
//   const auto score = [&](const Trial& trial) -> TrialScore {
//     Sequential net = make_net(trial.integer("units"));
//     const auto optimizer = make_optimizer(trial.text("optimizer"), trial.number("lr"));
//     Trainer trainer(net, CrossEntropyLoss(), *optimizer, {.seed = trial.seed, .progress = false});
//     return trainer.fit(data, {.epochs = trial.budget, .validation_split = 0.2});
//   };
//   const Trial best = search(space, score, {.trials = 100, .budget = 20, .workers = 2}).best();
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "dlengine/train/history.h"
#include "dlengine/train/search_space.h"

namespace dlengine {

/// What a score function is told, and what came of it.
struct Trial {
  int64_t index = 0;   // from 0; over all rounds
  uint64_t seed = 0;   // of its own: the thread's default generator has it, and a Trainer should
  int64_t budget = 0;  // epochs, or whatever the score function makes of it
  Parameters parameters = {};

  double score = 0;                                 // NaN: it failed, which is worse than all others
  std::vector<double> train = {}, validation = {};  // curves, where the score came with any
  std::string error = {};                           // why it failed

  /// A value of a linear or logarithmic range. Throws ValueError if there is none of this name.
  double number(const std::string& name) const;
  int64_t integer(const std::string& name) const;
  const std::string& text(const std::string& name) const;
};

/// The outcome of a trial: a number, of which more is better, and curves for pictures.
struct TrialScore {
  TrialScore(double value) : score(value) {}  // NOLINT: implicit
  /// The validation accuracy of the last epoch, or minus its validation loss where no output is right or
  /// wrong; the curves are of the same numbers. Where nothing was validated, those of the training data.
  TrialScore(const History& history);  // NOLINT: implicit

  double score;
  std::vector<double> train = {}, validation = {};
};

/// May be called on several threads at once. An Error, as of a loss that is not finite, makes the trial a
/// failed one; any other exception ends the search.
using ScoreFunction = std::function<TrialScore(const Trial&)>;

struct SearchOptions {
  int64_t trials = 20;  // of a round
  uint64_t seed = 0;
  int64_t budget = 1;  // of every trial

  int64_t rounds = 1;       // each after the first in ranges narrowed round the best trials so far:
  double keep_share = 0.2;  // as many as this share of a round's trials, but two at least

  // Successive halving: of a round's trials the best 1/halving (3, say) are scored anew with `halving` times
  // the budget, and so on, as long as that is not above largest_budget. 0: all have the same budget.
  // Jamieson and Talwalkar, arXiv:1502.07943.
  int64_t halving = 0;
  int64_t largest_budget = 0;

  int workers = 1;  // trials at the same time
  int threads_per_trial =
      1;                   // of the CPU, for the whole process meanwhile; bits depend on it, not on workers
  std::string table = {};  // a file of JSON lines, written after each trial; what it has is not done again
  std::string name =
      {};  // of data and score, kept in the table: that of a search with another one is refused
  std::function<void(const Trial&)> on_trial = {};  // after each, on one thread at a time
};

struct SearchResult {
  std::vector<Trial> trials;  // by index, and by budget where one was scored more than once
  bool interrupted = false;   // by Ctrl-C; the table has what was finished

  /// Each index once, with its largest budget. Best first: larger budgets, then larger scores, then smaller
  /// indices.
  std::vector<Trial> ranked() const;
  /// The first of them. Throws ValueError if there is none that did not fail.
  Trial best() const;
};

/// The trials, their scores and the table are the same for the same seed, whatever the number of workers.
/// Throws ValueError for options that make no sense, and, with the first trial's reason, if all of them
/// failed; IoError for a table that is damaged or one of another search.
SearchResult search(const SearchSpace& space, const ScoreFunction& score, const SearchOptions& options = {});

}  // namespace dlengine

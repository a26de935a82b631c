// Rounds of trials, rungs of budgets, and the workers that score them.
#include "dlengine/train/search.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <exception>
#include <limits>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include "dlengine/core/check.h"
#include "dlengine/core/parallel.h"
#include "dlengine/core/philox.h"
#include "dlengine/core/random.h"
#include "dlengine/train/interrupt.h"
#include "dlengine/train/search_table.h"

namespace dlengine {
namespace {

template <typename T>
const T& value_of(const Trial& trial, const std::string& name, const char* kind) {
  const auto found = trial.parameters.find(name);
  const T* value = found == trial.parameters.end() ? nullptr : std::get_if<T>(&found->second);
  check<ValueError>(found != trial.parameters.end(), "trial {} has no {} '{}', only {}", trial.index, kind,
                    name, to_string(trial.parameters));
  constexpr std::array kReaders = {"number", "integer", "text"};  // of ParameterValue's types
  check<ValueError>(value != nullptr, "trial {} has no {} '{}'; use trial.{}(\"{}\")", trial.index, kind,
                    name, kReaders[found->second.index()], name);
  return *value;
}

/// Largest budget first, then best score, then smallest index.
bool better(const Trial& a, const Trial& b) {
  if (a.budget != b.budget) return a.budget > b.budget;
  const bool failed_a = std::isnan(a.score), failed_b = std::isnan(b.score);
  if (failed_a != failed_b) return failed_b;
  if (!failed_a && a.score != b.score) return a.score > b.score;
  return a.index < b.index;
}

void check_options(const SearchSpace& space, const SearchOptions& options) {
  check<ValueError>(!space.ranges().empty(), "search: the space is empty");
  check<ValueError>(options.trials >= 1 && options.rounds >= 1 && options.budget >= 1,
                    "search: need trials, rounds and budget >= 1, got {}, {} and {}", options.trials,
                    options.rounds, options.budget);
  check<ValueError>(options.keep_share > 0 && options.keep_share <= 1,
                    "search: need 0 < keep_share <= 1, got {}", options.keep_share);
  check<ValueError>(options.halving == 0 || options.halving >= 2, "search: need halving 0 or >= 2, got {}",
                    options.halving);
  check<ValueError>(options.halving == 0 || options.largest_budget >= options.budget,
                    "search: need largest_budget >= budget, got {} and {}", options.largest_budget,
                    options.budget);
  check<ValueError>(options.workers >= 1 && options.threads_per_trial >= 1,
                    "search: need workers and threads_per_trial >= 1, got {} and {}", options.workers,
                    options.threads_per_trial);
}

class Search {
 public:
  Search(const SearchSpace& space, const ScoreFunction& score, const SearchOptions& options)
      : space_(space), score_(score), options_(options), table_(space, options) {}

  SearchResult operator()() {
    SearchSpace narrow = space_;
    for (int64_t round = 0; round < options_.rounds && !interrupt_.interrupted(); ++round) {
      if (round > 0) narrow = space_.narrowed(best_parameters());
      std::vector<Trial> rung;
      for (int64_t i = 0; i < options_.trials; ++i)
        rung.push_back(trial(narrow, round * options_.trials + i));
      climb(std::move(rung));
    }
    SearchResult result{done_, interrupt_.interrupted()};
    std::ranges::sort(result.trials, {}, [](const Trial& one) { return std::pair(one.index, one.budget); });
    const bool failed =
        !done_.empty() && std::ranges::all_of(done_, [](const Trial& one) { return std::isnan(one.score); });
    check<ValueError>(!failed, "search: all {} trials failed, the first with: {}", done_.size(),
                      result.trials.empty() ? "" : result.trials.front().error);
    return result;
  }

 private:
  Trial trial(const SearchSpace& space, int64_t index) const {
    const PhiloxBlock block = philox({options_.seed, static_cast<uint64_t>(index)}, uint64_t{1} << 32);
    return {.index = index,
            .seed = uint64_t{block.word[0]},
            .budget = options_.budget,
            .parameters = space.sample(options_.seed, index)};
  }

  /// All of a rung, then the best of it with more budget.
  void climb(std::vector<Trial> rung) {
    score_all(rung);
    while (options_.halving > 0 && !interrupt_.interrupted()) {
      std::ranges::sort(rung, better);
      rung.resize((rung.size() + static_cast<size_t>(options_.halving) - 1) /
                  static_cast<size_t>(options_.halving));
      if (rung.front().budget > options_.largest_budget / options_.halving) return;
      for (Trial& one : rung) {
        one = {.index = one.index,
               .seed = one.seed,
               .budget = one.budget * options_.halving,
               .parameters = one.parameters};
      }
      score_all(rung);
    }
  }

  /// Fills in the trials' outcomes; leaves out those that Ctrl-C came before.
  void score_all(std::vector<Trial>& rung) {
    std::vector<Trial*> open;
    for (Trial& one : rung) {
      if (const Trial* earlier = table_.find(one)) {
        one = *earlier;
      } else {
        open.push_back(&one);
      }
    }
    next_ = 0;
    std::vector<std::thread> workers;
    const int count = static_cast<int>(std::min<size_t>(static_cast<size_t>(options_.workers), open.size()));
    for (int i = 0; i < count; ++i) workers.emplace_back([&] { work(open); });
    for (std::thread& worker : workers) worker.join();
    if (error_) std::rethrow_exception(error_);
    if (interrupt_.interrupted())
      std::erase_if(rung, [&](const Trial& one) { return table_.find(one) == nullptr; });
    done_.insert(done_.end(), rung.begin(), rung.end());
  }

  void work(const std::vector<Trial*>& open) {
    try {
      for (size_t i = next_++; i < open.size() && !interrupt_.interrupted() && !stop_; i = next_++) {
        score_one(*open[i]);
        if (interrupt_.interrupted()) return;  // it may have ended before its time
        const std::lock_guard lock(mutex_);
        table_.add(*open[i]);
        if (options_.on_trial) options_.on_trial(*open[i]);
      }
    } catch (...) {
      const std::lock_guard lock(mutex_);
      stop_ = true;
      if (!error_) error_ = std::current_exception();
    }
  }

  void score_one(Trial& one) const {
    manual_seed(one.seed);
    try {
      TrialScore outcome = score_(one);
      one.score = outcome.score;
      one.train = std::move(outcome.train);
      one.validation = std::move(outcome.validation);
      if (std::isnan(one.score)) one.error = "the score is NaN";
    } catch (const Error& error) {
      one.score = std::numeric_limits<double>::quiet_NaN();
      one.error = error.what();
    }
  }

  std::vector<Parameters> best_parameters() const {
    const auto wanted =
        static_cast<size_t>(std::ceil(options_.keep_share * static_cast<double>(options_.trials)));
    std::vector<Parameters> result;
    for (const Trial& one : SearchResult{done_}.ranked()) {
      if (result.size() < std::max<size_t>(wanted, 2) && !std::isnan(one.score))
        result.push_back(one.parameters);
    }
    return result;
  }

  const SearchSpace& space_;
  const ScoreFunction& score_;
  const SearchOptions& options_;
  SearchTable table_;
  InterruptGuard interrupt_;
  std::vector<Trial> done_;
  std::atomic<size_t> next_ = 0;
  std::atomic<bool> stop_ = false;
  std::mutex mutex_;  // guards the table, on_trial and error_
  std::exception_ptr error_;
};

}  // namespace

double Trial::number(const std::string& name) const { return value_of<double>(*this, name, "number"); }
int64_t Trial::integer(const std::string& name) const { return value_of<int64_t>(*this, name, "integer"); }
const std::string& Trial::text(const std::string& name) const {
  return value_of<std::string>(*this, name, "word");
}

TrialScore::TrialScore(const History& history) : score(std::numeric_limits<double>::quiet_NaN()) {
  for (const EpochRecord& record : history.epochs) {
    const auto watched = [](const Metrics& metrics) {
      return metrics.classes ? metrics.accuracy : -metrics.loss;
    };
    train.push_back(watched(record.train));
    if (record.validation.samples > 0) validation.push_back(watched(record.validation));
  }
  const std::vector<double>& curve = validation.empty() ? train : validation;
  if (!curve.empty()) score = curve.back();
}

std::vector<Trial> SearchResult::ranked() const {
  std::map<int64_t, Trial> largest;  // by index
  for (const Trial& trial : trials) {
    const auto [place, is_new] = largest.emplace(trial.index, trial);
    if (!is_new && trial.budget > place->second.budget) place->second = trial;
  }
  std::vector<Trial> result;
  for (auto& [index, trial] : largest) result.push_back(std::move(trial));
  std::ranges::sort(result, better);
  return result;
}

Trial SearchResult::best() const {
  for (Trial& trial : ranked()) {
    if (!std::isnan(trial.score)) return std::move(trial);
  }
  fail<ValueError>("search: no trial has a score");
}

SearchResult search(const SearchSpace& space, const ScoreFunction& score, const SearchOptions& options) {
  check_options(space, options);
  const ThreadCount threads(options.threads_per_trial);
  return Search(space, score, options)();
}

}  // namespace dlengine

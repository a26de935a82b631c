// Searches: the same trials for the same seed, tables that go on, ranges and budgets.
#include "dlengine/train/search.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <csignal>
#include <limits>
#include <set>
#include <sstream>
#include <stdexcept>

#include "dlengine/core/parallel.h"
#include "dlengine/train/curves.h"
#include "tests/support/compare.h"
#include "tests/support/temp_dir.h"
#include "tests/support/xml.h"
#include "tests/train/small_problem.h"

namespace dlengine::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

SearchSpace all_kinds() {
  SearchSpace space;
  space.linear("momentum", 0, 0.9)
      .log("lr", 1e-5, 1e-1)
      .integer("units", 4, 7)
      .choice("optimizer", {"sgd", "adam"});
  return space;
}

// --- Spaces ---

TEST(SearchSpace, DrawsWithinItsRanges) {
  const SearchSpace space = all_kinds();
  std::set<int64_t> units;
  std::set<std::string> words;
  double low = 0, high = 0;
  for (int64_t i = 0; i < 1000; ++i) {
    const Trial trial{.parameters = space.sample(1, i)};
    EXPECT_GE(trial.number("momentum"), 0);
    EXPECT_LT(trial.number("momentum"), 0.9);
    EXPECT_GE(trial.number("lr"), 1e-5);
    EXPECT_LE(trial.number("lr"), 1e-1);
    low += trial.number("lr") < 1e-3 ? 1 : 0;
    high += trial.number("momentum") > 0.45 ? 1 : 0;
    units.insert(trial.integer("units"));
    words.insert(trial.text("optimizer"));
  }
  EXPECT_NEAR(low, 500, 80);  // 5 deviations of a fair coin thrown 1000 times
  EXPECT_NEAR(high, 500, 80);
  EXPECT_THAT(units, ElementsAre(4, 5, 6, 7));
  EXPECT_THAT(words, ElementsAre("adam", "sgd"));
}

TEST(SearchSpace, DrawsDependOnSeedAndIndexAlone) {
  const SearchSpace space = all_kinds();
  EXPECT_EQ(space.sample(3, 5), space.sample(3, 5));
  EXPECT_NE(space.sample(3, 5), space.sample(3, 6));
  EXPECT_NE(space.sample(3, 5), space.sample(4, 5));
}

TEST(SearchSpace, RangesOfOneValueAreThatValue) {
  SearchSpace space;
  space.linear("a", 2, 2).log("b", 0.1, 0.1).integer("c", -3, -3).choice("d", {"x"});
  const Trial trial{.parameters = space.sample(9, 9)};
  EXPECT_EQ(trial.number("a"), 2);
  EXPECT_EQ(trial.number("b"), 0.1);
  EXPECT_EQ(trial.integer("c"), -3);
  EXPECT_EQ(trial.text("d"), "x");
}

TEST(SearchSpace, NarrowsRoundTheGivenValues) {
  SearchSpace space;
  space.linear("a", 0, 10).log("b", 1e-4, 1).integer("c", 0, 100).choice("d", {"x", "y", "z"});
  const SearchSpace narrow = space.narrowed({{{"a", 2.0}, {"b", 1e-3}, {"c", int64_t{90}}, {"d", "x"}},
                                             {{"a", 4.0}, {"b", 1e-2}, {"c", int64_t{95}}, {"d", "z"}}});
  const std::vector<SearchSpace::Range>& ranges = narrow.ranges();
  EXPECT_NEAR(ranges[0].low, 1, 1e-9);
  EXPECT_NEAR(ranges[0].high, 5, 1e-9);
  EXPECT_NEAR(std::log10(ranges[1].low), -3.4, 1e-9);
  EXPECT_NEAR(std::log10(ranges[1].high), -1.6, 1e-9);
  EXPECT_EQ(ranges[2].low, 80);
  EXPECT_EQ(ranges[2].high, 100);
  EXPECT_THAT(ranges[3].words, ElementsAre("x", "z"));
  EXPECT_EQ(to_string(space.narrowed({})), to_string(space));
  expect_throw<ValueError>([&] { space.narrowed({{{"a", 1.0}}}); }, {"the values have no 'b' of its kind"});
}

TEST(SearchSpace, RefusesRangesThatMakeNoSense) {
  SearchSpace space;
  space.linear("a", 0, 1);
  expect_throw<ValueError>([&] { space.linear("a", 0, 1); }, {"'a' is there twice"});
  expect_throw<ValueError>([&] { space.linear("b", 1, 0); }, {"'b' goes from 1 to 0"});
  expect_throw<ValueError>([&] { space.linear("b", kNan, 0); }, {"'b' goes from nan to 0"});
  expect_throw<ValueError>([&] { space.log("b", 0, 1); }, {"'b' is logarithmic and begins at 0"});
  expect_throw<ValueError>([&] { space.integer("b", 5, 4); }, {"'b' goes from 5 to 4"});
  expect_throw<ValueError>([&] { space.integer("b", 0, int64_t{1} << 60); }, {"need -2^53 .. 2^53"});
  expect_throw<ValueError>([&] { space.choice("b", {}); }, {"'b' has no words to choose from"});
  expect_throw<ValueError>([&] { space.linear("", 0, 1); }, {"a name is empty"});
}

TEST(Trial, NamesWhatItDoesNotHave) {
  const Trial trial{.index = 3, .parameters = {{"lr", 0.5}, {"units", int64_t{8}}}};
  expect_throw<ValueError>([&] { trial.number("momentum"); },
                           {"trial 3 has no number 'momentum', only lr 0.5, units 8"});
  expect_throw<ValueError>([&] { trial.integer("lr"); }, {"no integer 'lr'; use trial.number(\"lr\")"});
  expect_throw<ValueError>([&] { trial.text("units"); }, {"no word 'units'; use trial.integer(\"units\")"});
}

// --- Searches ---

/// Best at lr = 1e-2.
SearchSpace one_rate() {
  SearchSpace space;
  space.log("lr", 1e-5, 1);
  return space;
}
TrialScore distance(const Trial& trial) { return -std::abs(std::log10(trial.number("lr")) + 2); }

/// Scores with the budget they were reached with, in order.
std::vector<std::pair<int64_t, double>> outcome(const SearchResult& result) {
  std::vector<std::pair<int64_t, double>> all;
  for (const Trial& trial : result.trials) all.emplace_back(trial.budget, trial.score);
  return all;
}

TEST(Search, FindsTheBestOfItsTrials) {
  const SearchResult result = search(one_rate(), distance, {.trials = 50});
  ASSERT_EQ(result.trials.size(), 50u);
  const std::vector<Trial> ranked = result.ranked();
  EXPECT_TRUE(std::ranges::is_sorted(ranked, std::ranges::greater(), &Trial::score));
  EXPECT_EQ(result.best().index, ranked[0].index);
  EXPECT_GT(result.best().score, -0.3);
}

TEST(Search, NarrowingComesCloser) {
  const SearchResult wide = search(one_rate(), distance, {.trials = 30});
  const SearchResult narrow = search(one_rate(), distance, {.trials = 10, .rounds = 3});
  EXPECT_EQ(narrow.trials.size(), 30u);
  const auto mean_of_last = [](const SearchResult& result) {
    double sum = 0;
    for (size_t i = 20; i < 30; ++i) sum += result.trials[i].score / 10;
    return sum;
  };
  EXPECT_GT(mean_of_last(narrow), mean_of_last(wide) + 0.3);
  for (size_t i = 0; i < 10; ++i) EXPECT_EQ(narrow.trials[i].parameters, wide.trials[i].parameters);
}

TEST(Search, HalvingGivesTheBestMoreBudget) {
  std::atomic<int64_t> spent = 0;
  const auto score = [&](const Trial& trial) {
    spent += trial.budget;
    return distance(trial);
  };
  const SearchResult result =
      search(one_rate(), score, {.trials = 9, .budget = 1, .halving = 3, .largest_budget = 9});
  EXPECT_EQ(result.trials.size(), 9u + 3 + 1);
  EXPECT_EQ(spent, 9 * 1 + 3 * 3 + 1 * 9);
  const std::vector<Trial> ranked = result.ranked();
  ASSERT_EQ(ranked.size(), 9u);
  EXPECT_EQ(ranked[0].budget, 9);
  EXPECT_EQ(ranked[1].budget, 3);
  EXPECT_EQ(ranked[3].budget, 1);
  EXPECT_TRUE(std::ranges::is_sorted(ranked, std::ranges::greater(), &Trial::score));
}

/// Trains a small network, with dropout, on the trial's seed.
TrialScore train_small(const Trial& trial) {
  Sequential net = small_net();
  SGD optimizer({.lr = trial.number("lr")});
  TrainerOptions options = quiet();
  options.seed = trial.seed;
  Trainer trainer(net, CrossEntropyLoss(), optimizer, options);
  return trainer.fit(three_clouds(), {.epochs = trial.budget, .batch_size = 8, .validation_split = 0.2});
}

TEST(Search, GivesTheSameBitsForAnyNumberOfWorkers) {
  const TempDir dir;
  SearchOptions options{.trials = 6, .seed = 5, .budget = 2, .rounds = 2, .halving = 2, .largest_budget = 4};
  std::vector<SearchResult> results;
  for (const int workers : {1, 2, 4}) {
    options.workers = workers;
    options.table = dir / std::to_string(workers);
    results.push_back(search(one_rate(), train_small, options));
    EXPECT_EQ(results.back().trials.size(), 2u * (6 + 3));
    EXPECT_EQ(read_bytes(options.table), read_bytes(dir / "1"));
  }
  for (const SearchResult& result : results) {
    EXPECT_EQ(outcome(result), outcome(results[0]));
    EXPECT_EQ(result.trials[3].validation, results[0].trials[3].validation);
  }
  EXPECT_NE(outcome(search(one_rate(), train_small, {.trials = 6, .seed = 6, .budget = 2})),
            outcome(results[0]));
}

TEST(Search, LeavesThreadsAndRandomNumbersOfItsCallerAlone) {
  const int before = num_threads();
  manual_seed(8);
  int inside = 0;
  search(one_rate(),
         [&](const Trial&) {
           inside = num_threads();
           rand({10});
           return 1.0;
         },
         {.trials = 1, .threads_per_trial = 3});
  EXPECT_EQ(inside, 3);
  EXPECT_EQ(num_threads(), before);
  EXPECT_EQ(default_generator().state(), Generator(8).state());
}

TEST(Search, CallsBackAfterEachTrial) {
  std::vector<int64_t> seen;
  SearchOptions options{.trials = 8, .workers = 3};
  options.on_trial = [&](const Trial& trial) { seen.push_back(trial.index); };
  search(one_rate(), distance, options);
  std::ranges::sort(seen);
  EXPECT_THAT(seen, ElementsAre(0, 1, 2, 3, 4, 5, 6, 7));
}

TEST(Search, FailedTrialsAreTheWorst) {
  const auto score = [](const Trial& trial) -> TrialScore {
    if (trial.index == 1) throw ValueError("the loss is not finite");
    return trial.index == 2 ? kNan : -1.0 - double(trial.index);
  };
  const SearchResult result = search(one_rate(), score, {.trials = 4});
  const std::vector<Trial> ranked = result.ranked();
  EXPECT_EQ(ranked[0].index, 0);
  EXPECT_EQ(ranked[1].index, 3);
  EXPECT_EQ(result.trials[1].error, "the loss is not finite");
  EXPECT_EQ(result.trials[2].error, "the score is NaN");
}

TEST(Search, WhereAllTrialsFailTheFirstReasonIsTold) {
  const auto score = [](const Trial& trial) -> TrialScore {
    throw ShapeError("no " + std::to_string(trial.index));
  };
  expect_throw<ValueError>([&] { search(one_rate(), score, {.trials = 3, .workers = 2}); },
                           {"all 3 trials failed, the first with: no 0"});
}

TEST(Search, OtherExceptionsEndIt) {
  std::atomic<int> calls = 0;
  const auto score = [&](const Trial&) -> TrialScore {
    ++calls;
    throw std::runtime_error("a bug");
  };
  expect_throw<std::runtime_error>([&] { search(one_rate(), score, {.trials = 50}); }, {"a bug"});
  EXPECT_EQ(calls, 1);
}

TEST(Search, RefusesOptionsThatMakeNoSense) {
  const SearchSpace space = one_rate();
  const auto refused = [&](const SearchOptions& options, std::string_view why) {
    expect_throw<ValueError>([&] { search(space, distance, options); }, {why});
  };
  expect_throw<ValueError>([] { search(SearchSpace(), distance); }, {"the space is empty"});
  refused({.trials = 0}, "need trials, rounds and budget >= 1, got 0, 1 and 1");
  refused({.keep_share = 0}, "need 0 < keep_share <= 1, got 0");
  refused({.halving = 1}, "need halving 0 or >= 2, got 1");
  refused({.budget = 5, .halving = 2, .largest_budget = 3}, "need largest_budget >= budget, got 3 and 5");
  refused({.workers = 0}, "need workers and threads_per_trial >= 1, got 0 and 1");
}

// --- Tables ---

class SearchTableTest : public testing::Test {
 protected:
  TempDir dir_;
  SearchOptions options_{.trials = 6,
                         .seed = 2,
                         .budget = 1,
                         .rounds = 2,
                         .halving = 2,
                         .largest_budget = 2,
                         .table = dir_ / "table.jsonl"};
};

TEST_F(SearchTableTest, ASearchGoesOnWhereItStopped) {
  const SearchResult whole = search(one_rate(), train_small, options_);
  const std::string table = read_bytes(options_.table);
  std::vector<std::string> lines;
  std::istringstream stream(table);
  for (std::string line; std::getline(stream, line);) lines.push_back(line + "\n");
  ASSERT_EQ(lines.size(), 1 + whole.trials.size());
  for (const size_t kept : {size_t{1}, size_t{4}, lines.size()}) {
    std::string part;
    for (size_t i = 0; i < kept; ++i) part += lines[i];
    write_bytes(options_.table, part);
    std::atomic<size_t> calls = 0;
    const auto counting = [&](const Trial& trial) {
      ++calls;
      return train_small(trial);
    };
    EXPECT_EQ(outcome(search(one_rate(), counting, options_)), outcome(whole));
    EXPECT_EQ(calls, lines.size() - kept);
    EXPECT_EQ(read_bytes(options_.table), table);
  }
}

TEST_F(SearchTableTest, KeepsEveryKindOfValueAndScore) {
  options_.rounds = 1;
  options_.halving = 0;
  const auto score = [](const Trial& trial) -> TrialScore {
    if (trial.index == 0) throw ValueError("quotes \" and \xFF bytes");
    TrialScore result(trial.index == 1   ? kNan
                      : trial.index == 2 ? std::numeric_limits<double>::infinity()
                                         : 1.0 / 3);
    result.train = {0.1, kNan, 1e-300};
    return result;
  };
  const SearchResult first = search(all_kinds(), score, options_);
  const SearchResult again = search(
      all_kinds(), [](const Trial&) -> TrialScore { throw std::runtime_error("must not be called"); },
      options_);
  for (size_t i = 0; i < 6; ++i) {
    EXPECT_EQ(again.trials[i].parameters, first.trials[i].parameters);
    if (i > 1) {
      EXPECT_EQ(again.trials[i].score, first.trials[i].score);
    }
  }
  EXPECT_TRUE(std::isnan(again.trials[1].score));
  EXPECT_EQ(again.trials[3].train[2], 1e-300);
  EXPECT_THAT(again.trials[0].error, HasSubstr("quotes \" and "));
}

TEST_F(SearchTableTest, RefusesDamagedTables) {
  search(one_rate(), distance, options_);
  const std::string good = read_bytes(options_.table);
  const auto refused = [&](const std::string& bytes, std::initializer_list<std::string_view> parts) {
    write_bytes(options_.table, bytes);
    expect_throw<IoError>([&] { search(one_rate(), distance, options_); }, parts);
    EXPECT_EQ(read_bytes(options_.table), bytes);  // left as it was
  };
  refused(good.substr(0, good.size() - 9), {"table.jsonl' is damaged", "is no trial"});
  refused(good + "{\"trial\":1}\n", {"is damaged: line 20 is no trial"});
  refused(good + good.substr(good.find('\n') + 1), {"is damaged: line 20: it is there twice"});
  refused("", {"of another search, or of none"});
  refused("a shopping list\n", {"of another search, or of none", "a shopping list"});
}

TEST_F(SearchTableTest, RefusesTablesOfOtherSearches) {
  search(one_rate(), distance, options_);
  SearchOptions other = options_;
  other.seed = 3;
  expect_throw<IoError>([&] { search(one_rate(), distance, other); }, {"of another search", "\"seed\":3"});
  expect_throw<IoError>([&] { search(all_kinds(), distance, options_); }, {"of another search", "momentum"});
  other = options_;
  other.name = "accuracy on MNIST";
  expect_throw<IoError>([&] { search(one_rate(), distance, other); },
                        {"of another search", "\"name\":\"accuracy on MNIST\""});
  other = options_;
  other.keep_share = 1;
  expect_throw<IoError>([&] { search(one_rate(), distance, other); },
                        {"has other values for trial 6", "keep_share"});
  other.table = "/nowhere/table";
  expect_throw<IoError>([&] { search(one_rate(), distance, other); }, {"/nowhere/table"});
}

TEST_F(SearchTableTest, CtrlCLeavesWhatIsFinished) {
  options_.halving = 0;
  std::signal(SIGINT, SIG_DFL);  // whatever tests before this one left
  const auto interrupted = [](const Trial& trial) {
    if (trial.index == 3) std::raise(SIGINT);
    return distance(trial);
  };
  const SearchResult part = search(one_rate(), interrupted, options_);
  EXPECT_TRUE(part.interrupted);
  EXPECT_EQ(part.trials.size(), 3u);
  const SearchResult whole = search(one_rate(), distance, options_);
  EXPECT_FALSE(whole.interrupted);
  EXPECT_EQ(whole.trials.size(), 12u);
  options_.table.clear();
  EXPECT_EQ(outcome(search(one_rate(), distance, options_)), outcome(whole));
}

TEST(SearchCurves, AreAPanelForEachOfTheBest) {
  const SearchResult result = search(one_rate(), train_small, {.trials = 5, .budget = 3});
  Figure figure({.columns = 2});
  plot_trials(figure, result.ranked(), 4, "accuracy");
  const std::string svg = figure.svg();
  EXPECT_EQ(xml_error(svg), "");
  EXPECT_EQ(count_of(svg, ">best "), 4);
  EXPECT_EQ(count_of(svg, ">validation<"), 4);
  EXPECT_EQ(count_of(svg, ">accuracy<"), 4);
  EXPECT_EQ(count_of(svg, "class=\"l1\" stroke-width=\"2\""), 4 + 4);  // lines and legends
}

}  // namespace
}  // namespace dlengine::test

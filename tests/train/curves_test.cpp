// Pictures of searches: the words over their panels.
#include "dlengine/train/curves.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace dlengine::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

TEST(SearchCurves, ScoresHaveOneNumberOfDigits) {
  const auto titles = [](double first, double second) {
    Trial a, b;
    a.score = first, b.score = second;
    Figure figure;
    plot_trials(figure, {a, b});
    return figure.svg();
  };
  EXPECT_THAT(titles(0.81, 0.8), AllOf(HasSubstr(">best 1: 0.810<"), HasSubstr(">best 2: 0.800<")));
  EXPECT_THAT(titles(-4, -12.34), AllOf(HasSubstr(">best 1: -4.0<"), HasSubstr(">best 2: -12.3<")));
  EXPECT_THAT(titles(2048, NAN), AllOf(HasSubstr(">best 1: 2048<"), HasSubstr(">best 2: nan<")));
}

TEST(SearchCurves, OfTrialsThatHardlyDifferHaveAnAxis) {
  Trial flat, diverged;
  flat.train = {1, 1 + 1e-12};
  diverged.train = {1, 1e305, INFINITY};
  for (const Trial& trial : {flat, diverged}) {
    Figure figure;
    plot_trials(figure, {trial});
    EXPECT_THAT(figure.svg(), HasSubstr(">training<"));
  }
}

TEST(Curves, OfATrainingThatWentOnBeginAtItsEpoch) {
  History history;
  for (int64_t epoch = 6; epoch <= 8; ++epoch) {
    history.epochs.push_back({.epoch = epoch, .train = {.loss = 1.0 / double(epoch), .samples = 1}});
  }
  history.epochs[1].validation = {.loss = 0.3, .samples = 1};  // of one epoch alone
  Figure figure, expected;
  plot_history(figure, history);
  expected.panel({.x = {.label = "epoch"}, .y = {.label = "loss"}})
      .line({6, 7, 8}, {1.0 / 6, 1.0 / 7, 1.0 / 8}, {.name = "training"})
      .line({7}, {0.3}, {.name = "validation"});
  EXPECT_EQ(figure.svg(), expected.svg());
}

TEST(Curves, LeaveOutEpochsWithoutTheNumber) {
  History history;
  for (int64_t epoch = 1; epoch <= 3; ++epoch) {
    history.epochs.push_back({.epoch = epoch,
                              .train = {.loss = 1, .accuracy = 0.5, .classes = epoch > 1, .samples = 1},
                              .validation = {.loss = 2, .samples = 1}});  // of values
  }
  Figure figure, expected;
  plot_history(figure, history);
  expected.panel({.x = {.label = "epoch"}, .y = {.label = "loss"}})
      .line({1, 2, 3}, {1, 1, 1}, {.name = "training"})
      .line({1, 2, 3}, {2, 2, 2}, {.name = "validation"});
  expected.panel({.x = {.label = "epoch"}, .y = {.label = "accuracy"}})
      .line({2, 3}, {0.5, 0.5}, {.name = "training"});
  EXPECT_EQ(figure.svg(), expected.svg());
}

}  // namespace
}  // namespace dlengine::test

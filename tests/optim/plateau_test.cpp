// A learning rate that falls when the loss does not.
#include <gtest/gtest.h>

#include <limits>
#include <vector>

#include "dlengine/optim/plateau.h"
#include "tests/support/compare.h"

namespace dlengine::test {
namespace {

std::vector<double> factors(const PlateauOptions& options, const std::vector<double>& losses) {
  ReduceOnPlateau plateau(options);
  std::vector<double> result;
  for (const double loss : losses) result.push_back(plateau.update(loss));
  return result;
}

using Factors = std::vector<double>;

// All of these are PyTorch 1.13's ReduceLROnPlateau(mode="min", eps=0), asked for the same losses.
TEST(ReduceOnPlateau, FallsAfterMoreThanPatienceBadEpochs) {
  EXPECT_EQ(factors({.factor = 0.5, .patience = 1}, {4, 3, 3, 3, 3, 3, 2, 2, 2}),
            (Factors{1, 1, 1, 0.5, 0.5, 0.25, 0.25, 0.25, 0.125}));
}

TEST(ReduceOnPlateau, WantsMoreThanTheThreshold) {
  EXPECT_EQ(factors({.factor = 0.5, .patience = 0, .threshold = 0.1}, {1, 0.95, 0.89, 0.8}),
            (Factors{1, 0.5, 0.5, 0.5}));
}

TEST(ReduceOnPlateau, CoolsDown) {
  EXPECT_EQ(factors({.factor = 0.5, .patience = 0, .cooldown = 2}, {1, 1, 1, 1, 1, 1}),
            (Factors{1, 0.5, 0.5, 0.5, 0.25, 0.25}));
}

TEST(ReduceOnPlateau, StopsAtTheLeast) {
  EXPECT_EQ(factors({.factor = 0.5, .patience = 0, .least = 0.3}, {1, 1, 1, 1}), (Factors{1, 0.5, 0.3, 0.3}));
}

TEST(ReduceOnPlateau, CountsNanAsBad) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(factors({.factor = 0.5, .patience = 0}, {1, nan, 0.5}), (Factors{1, 0.5, 0.5}));
}

TEST(ReduceOnPlateau, GoesOnFromItsState) {
  ReduceOnPlateau first({.factor = 0.5, .patience = 1}), second({.factor = 0.5, .patience = 1});
  for (const double loss : {2.0, 2.0}) first.update(loss);
  second.set_state(first.state());
  EXPECT_EQ(second.update(2), 0.5);
  EXPECT_EQ(second.factor(), 0.5);
}

TEST(ReduceOnPlateau, RefusesOptionsOutOfRange) {
  expect_throw<ValueError>([] { ReduceOnPlateau({.factor = 1}); }, {"0 < factor < 1, got 1"});
  expect_throw<ValueError>([] { ReduceOnPlateau({.patience = -1}); }, {"patience and cooldown >= 0", "-1"});
  expect_throw<ValueError>([] { ReduceOnPlateau({.least = -1}); }, {"threshold and least >= 0", "-1"});
  expect_throw<ValueError>([] { ReduceOnPlateau({.threshold = std::numeric_limits<double>::infinity()}); },
                           {"threshold and least >= 0, got inf"});
}

}  // namespace
}  // namespace dlengine::test

// Learning-rate schedules.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "dlengine/optim/schedule.h"
#include "tests/support/compare.h"

namespace dlengine::test {
namespace {

TEST(Schedules, ConstantIsOne) {
  EXPECT_EQ(constant_schedule()(0, 10), 1);
  EXPECT_EQ(constant_schedule()(9, 10), 1);
}

TEST(Schedules, StepDropsAtEqualDistances) {
  const Schedule schedule = step_schedule(0.1, 2);
  for (int64_t step = 0; step < 30; ++step) {
    EXPECT_DOUBLE_EQ(schedule(step, 30), step < 10 ? 1 : step < 20 ? 0.1 : 0.1 * 0.1) << step;
  }
  EXPECT_DOUBLE_EQ(schedule(99, 30), 0.1 * 0.1);
}

TEST(Schedules, CosineFallsFromOneToLast) {
  const Schedule schedule = cosine_schedule(0.2);
  EXPECT_DOUBLE_EQ(schedule(0, 100), 1);
  EXPECT_DOUBLE_EQ(schedule(50, 100), 0.6);
  EXPECT_DOUBLE_EQ(schedule(25, 100), 0.2 + 0.8 * (1 + std::sqrt(0.5)) / 2);
  EXPECT_DOUBLE_EQ(schedule(100, 100), 0.2);
}

TEST(Schedules, CosineWarmsUpFromAboveZero) {
  const Schedule schedule = cosine_schedule(0, 0.1);
  EXPECT_DOUBLE_EQ(schedule(0, 100), 0.1);
  EXPECT_DOUBLE_EQ(schedule(4, 100), 0.5);
  EXPECT_DOUBLE_EQ(schedule(9, 100), 1);
  EXPECT_DOUBLE_EQ(schedule(10, 100), 1);
  EXPECT_DOUBLE_EQ(schedule(55, 100), 0.5);
}

TEST(Schedules, ExponentialFallsByTheSameFactor) {
  const Schedule schedule = exponential_schedule(0.01);
  EXPECT_DOUBLE_EQ(schedule(0, 100), 1);
  EXPECT_DOUBLE_EQ(schedule(50, 100), 0.1);
  EXPECT_DOUBLE_EQ(schedule(100, 100), 0.01);
  EXPECT_DOUBLE_EQ(schedule(31, 100) / schedule(30, 100), schedule(1, 100));
}

TEST(Schedules, PolynomialFallsToLast) {
  const Schedule schedule = polynomial_schedule(2, 0.2);
  EXPECT_DOUBLE_EQ(schedule(0, 100), 1);
  EXPECT_DOUBLE_EQ(schedule(50, 100), 0.2 + 0.8 * 0.25);
  EXPECT_DOUBLE_EQ(schedule(100, 100), 0.2);
  EXPECT_DOUBLE_EQ(linear_schedule(0.5)(50, 100), 0.75);
}

TEST(Schedules, AnyWarmsUp) {
  const Schedule schedule = with_warmup(step_schedule(0.1, 1), 0.2);
  for (int64_t step = 0; step < 10; ++step) {
    EXPECT_DOUBLE_EQ(schedule(step, 10), step < 2 ? double(step + 1) / 2 : step < 6 ? 1 : 0.1) << step;
  }
  EXPECT_DOUBLE_EQ(with_warmup(one_cycle_schedule(0.5, 0.5), 0.5)(0, 4), 0.25);
  EXPECT_DOUBLE_EQ(with_warmup(linear_schedule(), 0)(5, 10), 0.5);
}

TEST(Schedules, OneCycleRisesAndFalls) {
  const Schedule schedule = one_cycle_schedule(0.1, 0.3, 0.05);
  EXPECT_DOUBLE_EQ(schedule(0, 100), 0.1);
  EXPECT_NEAR(schedule(15, 100), 0.55, 1e-12);
  EXPECT_DOUBLE_EQ(schedule(30, 100), 1);
  EXPECT_NEAR(schedule(65, 100), 0.525, 1e-12);
  EXPECT_NEAR(schedule(100, 100), 0.05, 1e-12);
  EXPECT_DOUBLE_EQ(one_cycle_schedule(0.1, 0)(0, 10), 1);
}

TEST(Schedules, StayInRangeForShortTrainings) {
  for (const Schedule& schedule :
       {constant_schedule(), step_schedule(0.5, 3), cosine_schedule(0, 0.5), one_cycle_schedule(),
        exponential_schedule(0.1), linear_schedule(), with_warmup(linear_schedule(), 0.9)}) {
    for (int64_t total = 1; total < 5; ++total) {
      for (int64_t step = 0; step < total; ++step) {
        EXPECT_GT(schedule(step, total), 0);
        EXPECT_LE(schedule(step, total), 1);
      }
    }
  }
}

TEST(Schedules, RefuseWhatMakesNoSense) {
  expect_throw<ValueError>([] { step_schedule(0, 1); }, {"step_schedule: need gamma > 0"});
  expect_throw<ValueError>([] { step_schedule(0.1, -1); }, {"drops >= 0", "-1"});
  expect_throw<ValueError>([] { cosine_schedule(-1); }, {"cosine_schedule: need last >= 0"});
  expect_throw<ValueError>([] { cosine_schedule(0, 1); }, {"warmup < 1"});
  expect_throw<ValueError>([] { one_cycle_schedule(0.1, 1); }, {"one_cycle_schedule", "peak < 1"});
  expect_throw<ValueError>([] { exponential_schedule(0); }, {"exponential_schedule: need last > 0"});
  expect_throw<ValueError>([] { polynomial_schedule(0); }, {"polynomial_schedule: need power > 0"});
  expect_throw<ValueError>([] { linear_schedule(-1); }, {"last >= 0", "-1"});
  expect_throw<ValueError>([] { with_warmup({}, 0.1); }, {"with_warmup: need a schedule", "none"});
  expect_throw<ValueError>([] { with_warmup(linear_schedule(), 1); }, {"warmup < 1, got one and 1"});
  const double infinity = std::numeric_limits<double>::infinity();
  expect_throw<ValueError>([&] { cosine_schedule(infinity); }, {"last >= 0", "got inf"});
  expect_throw<ValueError>([&] { step_schedule(infinity, 1); }, {"gamma > 0", "got inf"});
  expect_throw<ValueError>([&] { exponential_schedule(infinity); }, {"last > 0, got inf"});
  expect_throw<ValueError>([&] { polynomial_schedule(infinity); }, {"power > 0", "got inf"});
  expect_throw<ValueError>([&] { one_cycle_schedule(infinity); }, {"first, last >= 0", "got inf"});
  expect_throw<ValueError>([] { cosine_schedule()(0, 0); }, {"step >= 0 of total >= 1, got 0 of 0"});
  expect_throw<ValueError>([] { step_schedule(0.1, 1)(-1, 5); }, {"got -1 of 5"});
}

}  // namespace
}  // namespace dlengine::test

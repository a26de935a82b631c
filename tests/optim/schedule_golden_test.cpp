// Schedules against PyTorch's schedulers: make_schedules.py.
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "dlengine/optim/plateau.h"
#include "dlengine/optim/schedule.h"
#include "tests/golden/golden.h"

namespace dlengine::test {
namespace {

constexpr int64_t kSteps = 24;
constexpr double kWarmup = 0.25;  // of them, 6

const Golden& golden() {
  static const Golden file("schedules.safetensors");
  return file;
}

// PyTorch multiplies its way from step to step, so that roundings add up.
void expect_rates(const std::string& name, const std::vector<double>& got) {
  SCOPED_TRACE(name);
  const std::vector<double> want = golden().at(name).to_vector<double>();
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < got.size(); ++i) {
    EXPECT_NEAR(got[i], want[i], 4 * double(i + 1) * std::numeric_limits<double>::epsilon()) << "step " << i;
  }
}

void expect_schedule(const char* name, const Schedule& schedule) {
  std::vector<double> rates;
  for (int64_t step = 0; step < kSteps; ++step) rates.push_back(schedule(step, kSteps));
  expect_rates(name, rates);
}

TEST(Schedules, AgreeWithPyTorch) {
  expect_schedule("step", step_schedule(0.3, 3));
  expect_schedule("exponential", exponential_schedule(0.05));
  expect_schedule("linear", linear_schedule(0.1));
  expect_schedule("polynomial", polynomial_schedule(2));
  expect_schedule("cosine", cosine_schedule(0.1));
  expect_schedule("warmup", with_warmup(constant_schedule(), kWarmup));
  expect_schedule("warmup_cosine", cosine_schedule(0, kWarmup));
  expect_schedule("one_cycle", one_cycle_schedule(0.1, 0.25, 0.02));
}

void expect_plateau(const std::string& name, const PlateauOptions& options) {
  ReduceOnPlateau plateau(options);
  std::vector<double> factors;
  for (const double loss : golden().at("plateau.losses").to_vector<double>()) {
    factors.push_back(plateau.update(loss));
  }
  expect_rates("plateau." + name, factors);
}

TEST(ReduceOnPlateau, AgreesWithPyTorch) {
  expect_plateau("patient", {.patience = 4});
  expect_plateau("impatient", {.factor = 0.5, .patience = 1});
  expect_plateau("threshold", {.factor = 0.7, .patience = 2, .threshold = 0.2});
  expect_plateau("cooldown", {.factor = 0.5, .patience = 1, .cooldown = 4, .least = 0.1});
}

}  // namespace
}  // namespace dlengine::test

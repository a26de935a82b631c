// Learning rates that change from step to step.
#include "dlengine/optim/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "dlengine/core/check.h"

namespace dlengine {
namespace {

bool positive(double x) { return x > 0 && std::isfinite(x); }
bool not_negative(double x) { return x >= 0 && std::isfinite(x); }

void check_step(int64_t step, int64_t total) {
  check<ValueError>(step >= 0 && total > 0, "schedule: need step >= 0 of total >= 1, got {} of {}", step,
                    total);
}

// Share of the training that is over before this step.
double progress(int64_t step, int64_t total) {
  check_step(step, total);
  return std::min(1.0, static_cast<double>(step) / static_cast<double>(total));
}

}  // namespace

Schedule constant_schedule() {
  return [](int64_t, int64_t) { return 1.0; };
}

Schedule step_schedule(double gamma, int64_t drops) {
  check<ValueError>(positive(gamma) && drops >= 0,
                    "step_schedule: need gamma > 0 and drops >= 0, got {} and {}", gamma, drops);
  return [=](int64_t step, int64_t total) {
    check_step(step, total);
    return std::pow(gamma, static_cast<double>(std::min(drops, step * (drops + 1) / total)));
  };
}

Schedule exponential_schedule(double last) {
  check<ValueError>(positive(last), "exponential_schedule: need last > 0, got {}", last);
  return [=](int64_t step, int64_t total) { return std::pow(last, progress(step, total)); };
}

Schedule polynomial_schedule(double power, double last) {
  check<ValueError>(positive(power) && not_negative(last),
                    "polynomial_schedule: need power > 0 and last >= 0, got {} and {}", power, last);
  return [=](int64_t step, int64_t total) {
    return last + (1 - last) * std::pow(1 - progress(step, total), power);
  };
}

Schedule linear_schedule(double last) { return polynomial_schedule(1, last); }

Schedule cosine_schedule(double last, double warmup) {
  check<ValueError>(not_negative(last) && warmup >= 0 && warmup < 1,
                    "cosine_schedule: need last >= 0 and 0 <= warmup < 1, got {} and {}", last, warmup);
  const Schedule fall = [=](int64_t step, int64_t total) {
    return last + (1 - last) * (1 + std::cos(std::numbers::pi * progress(step, total))) / 2;
  };
  return with_warmup(fall, warmup);
}

Schedule with_warmup(Schedule schedule, double warmup) {
  check<ValueError>(schedule && warmup >= 0 && warmup < 1,
                    "with_warmup: need a schedule and 0 <= warmup < 1, got {} and {}",
                    schedule ? "one" : "none", warmup);
  return [=](int64_t step, int64_t total) {
    check_step(step, total);
    const int64_t rise = std::llround(warmup * static_cast<double>(total));
    // The first of n steps has the factor 1/n, not 0: that step would be lost.
    if (step < rise) return schedule(0, total) * static_cast<double>(step + 1) / static_cast<double>(rise);
    return schedule(step - rise, std::max<int64_t>(total - rise, 1));
  };
}

Schedule one_cycle_schedule(double first, double peak, double last) {
  check<ValueError>(not_negative(first) && not_negative(last) && peak >= 0 && peak < 1,
                    "one_cycle_schedule: need first, last >= 0 and 0 <= peak < 1, got {}, {} and {}", first,
                    last, peak);
  return [=](int64_t step, int64_t total) {
    const double now = progress(step, total);
    if (now < peak) return first + (1 - first) * now / peak;
    return 1 + (last - 1) * (now - peak) / (1 - peak);
  };
}

}  // namespace dlengine

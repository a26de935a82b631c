// Learning rates that change from step to step.
#pragma once

#include <cstdint>
#include <functional>

namespace dlengine {

/// The factor on the optimizer's base rate at a step: step counts from 0, of `total` steps in the whole
/// training.
using Schedule = std::function<double(int64_t step, int64_t total)>;

// All throw ValueError for numbers that are not finite, too.

/// Always 1.
Schedule constant_schedule();
/// Multiplied by gamma at each of `drops` points that cut the training into equal parts. Throws ValueError
/// unless gamma > 0 and drops >= 0.
Schedule step_schedule(double gamma, int64_t drops);
/// Falls by the same factor at each step, from 1 to `last` one step after the end: last^(step / total). With
/// PyTorch's gamma for each epoch, last = gamma^epochs. Throws ValueError unless last > 0.
Schedule exponential_schedule(double last);
/// last + (1 - last) * (1 - step / total)^power. Throws ValueError unless power > 0 and last >= 0.
Schedule polynomial_schedule(double power, double last = 0);
/// Falls by the same amount at each step, from 1 to `last` one step after the end: a polynomial of power 1.
Schedule linear_schedule(double last = 0);
/// Falls by the cosine from 1 to `last` one step after the end, after a warm-up as of with_warmup(). Throws
/// ValueError unless last >= 0 and 0 <= warmup < 1. Loshchilov and Hutter, arXiv:1608.03983.
Schedule cosine_schedule(double last = 0, double warmup = 0);
/// Rises linearly from `first` to 1 during the share `peak` of the steps, then falls linearly towards `last`,
/// where it would arrive one step after the end. Throws ValueError unless first, last >= 0 and 0 <= peak < 1.
/// After Smith and Topin, arXiv:1708.07120.
Schedule one_cycle_schedule(double first = 0.1, double peak = 0.3, double last = 0);

/// Any schedule with a warm-up before it: over the first share `warmup` of the steps (rounded to n steps) the
/// factor rises linearly, 1/n, 2/n, .. 1, times what the schedule begins with; the schedule then has the
/// other steps for its own. Throws ValueError for an empty schedule and unless 0 <= warmup < 1.
Schedule with_warmup(Schedule schedule, double warmup);

}  // namespace dlengine

// Learning rates that change from step to step.
#pragma once

#include <cstdint>
#include <functional>

namespace dlengine {

/// The factor on the optimizer's base rate at a step: step counts from 0, of `total` steps in the whole
/// training.
using Schedule = std::function<double(int64_t step, int64_t total)>;

/// Always 1.
Schedule constant_schedule();
/// Multiplied by gamma at each of `drops` points that cut the training into equal parts. Throws ValueError
/// unless gamma > 0 and drops >= 0.
Schedule step_schedule(double gamma, int64_t drops);
/// Rises linearly to 1 over the first share `warmup` of the steps, then falls by the cosine from 1 towards
/// `last`, where it would arrive one step after the end. Throws ValueError unless last >= 0 and 0 <= warmup
/// < 1. Loshchilov and Hutter, arXiv:1608.03983.
Schedule cosine_schedule(double last = 0, double warmup = 0);
/// Rises linearly from `first` to 1 during the share `peak` of the steps, then falls linearly towards `last`,
/// where it would arrive one step after the end. Throws ValueError unless first, last >= 0 and 0 <= peak < 1.
/// After Smith and Topin, arXiv:1708.07120.
Schedule one_cycle_schedule(double first = 0.1, double peak = 0.3, double last = 0);

}  // namespace dlengine

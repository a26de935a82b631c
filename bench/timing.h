// Timing of repeated steps, and the line that every benchmark prints.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "dlengine/core/device.h"

namespace dlengine::bench {

struct Timing {
  double median_ms = 0;  // of a step; so are the next two
  double min_ms = 0;
  double p99_ms = 0;
  int64_t samples = 0;
  int64_t block = 1;    // steps of a sample
  double first_ms = 0;  // the first step, which prepares kernels and memory
};

/// Calls step(i) for about `seconds` (at least for five samples) after a warm-up of a seventh of that. On the
/// CPU a sample is a step. An accelerator works while the host goes on, so there a sample is the mean of a
/// block of steps with one wait at its end.
Timing time_steps(double seconds, Device device, const std::function<void(int64_t)>& step);

/// <program> <workload> <batch> <threads> <median ms> <items per second> min= p99= n= block= first_ms=
/// rss_mb= <extra>
void print_line(const std::string& workload, int64_t batch, const Timing& timing,
                const std::string& extra = "", const std::string& program = "dlengine");

}  // namespace dlengine::bench

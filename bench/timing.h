// Timing of repeated steps, and the line that every benchmark prints.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace dlengine::bench {

struct Timing {
  double median_ms = 0;
  double min_ms = 0;
  double p99_ms = 0;
  int64_t steps = 0;
};

/// Calls step(i) for about `seconds` (at least five times) after a warm-up of a seventh of that.
Timing time_steps(double seconds, const std::function<void(int64_t)>& step);

/// dlengine <workload> <batch> <threads> <median ms> <samples per second> min= p99= n= rss_mb= <extra>
void print_line(const std::string& workload, int64_t batch, const Timing& timing,
                const std::string& extra = "");

}  // namespace dlengine::bench

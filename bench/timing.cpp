// Timing of repeated steps.
#include "bench/timing.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <vector>

#include "dlengine/core/parallel.h"
#include "dlengine/core/stream.h"

namespace dlengine::bench {

namespace {

double now_ms() {
  const auto since_start = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double, std::milli>(since_start).count();
}

double peak_memory_mb() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024.0;
}

}  // namespace

Timing time_steps(double seconds, Device device, const std::function<void(int64_t)>& step) {
  constexpr double kBlockMs = 20;       // waiting for the end of a block of this length hardly counts
  constexpr double kMostSamples = 5e4;  // so that the samples hardly count in the peak memory
  int64_t i = 0;
  const auto time_block = [&](int64_t steps) {
    const double start = now_ms();
    for (const int64_t end = i + steps; i < end; ++i) step(i);
    synchronize(device);
    return (now_ms() - start) / static_cast<double>(steps);
  };
  const double warm_up_start = now_ms();
  const double first = time_block(1);
  while (i < 3 || (now_ms() - warm_up_start < 150 * seconds && i < 50)) time_block(1);
  const double shortest = device.kind == DeviceKind::cpu ? 1000 * seconds / kMostSamples : kBlockMs;
  const int64_t block = std::max<int64_t>(1, static_cast<int64_t>(shortest / time_block(10)));

  std::vector<double> times;
  const double start = now_ms();
  while (times.size() < 5 || now_ms() - start < 1000 * seconds) times.push_back(time_block(block));
  std::sort(times.begin(), times.end());
  const size_t count = times.size();
  return {times[count / 2],
          times.front(),
          times[std::min(count - 1, count * 99 / 100)],
          static_cast<int64_t>(count),
          block,
          first};
}

void print_line(const std::string& workload, int64_t batch, const Timing& timing, const std::string& extra,
                const std::string& program) {
  fmt::print(
      "{} {} {} {} {:.4f} {:.1f} min={:.4f} p99={:.4f} n={} block={} first_ms={:.2f} rss_mb={:.0f} {}\n",
      program, workload, batch, num_threads(), timing.median_ms,
      1000.0 * static_cast<double>(batch) / timing.median_ms, timing.min_ms, timing.p99_ms, timing.samples,
      timing.block, timing.first_ms, peak_memory_mb(), extra);
}

}  // namespace dlengine::bench

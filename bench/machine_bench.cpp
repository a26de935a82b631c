// What this machine can do at most: machine_bench [THREADS] prints fused multiply-adds in registers, GFLOP/s,
// and the memory traffic of an optimizer's update (two arrays read, one of them written), GB/s. Floors of a
// step follow from its operations and bytes (docs/benchmarks.md). x86-64 with AVX2.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include "bench/program.h"
#include "dlengine/core/parallel.h"

namespace dlengine::bench {

namespace {

constexpr int kRounds = 15;  // of which the best counts
constexpr int kChains = 12;  // independent ones, to hide the latency of an addition

using Floats8 = float __attribute__((vector_size(32)));
using Floats16 = float __attribute__((vector_size(64)));

template <typename V>
[[gnu::always_inline]] inline float multiply_add(int64_t count) {
  V sums[kChains];
  for (int chain = 0; chain < kChains; ++chain)
    sums[chain] = V{} + float(chain);  // equal ones would be merged
  const V factor = V{} + 0.999f, term = V{} + 1e-3f;
  for (int64_t i = 0; i < count; ++i) {
#pragma GCC unroll 12
    for (int chain = 0; chain < kChains; ++chain) sums[chain] = sums[chain] * factor + term;
  }
  float all = 0;
  for (const V& sum : sums) all += sum[0];
  return all;
}

[[gnu::target("avx512f")]] float multiply_add_512(int64_t count) { return multiply_add<Floats16>(count); }
[[gnu::target("avx2,fma")]] float multiply_add_256(int64_t count) { return multiply_add<Floats8>(count); }

/// Seconds of the fastest of some calls.
template <typename F>
double best_seconds(F&& f) {
  double best = 1e9;
  for (int i = 0; i < kRounds; ++i) {
    const auto start = std::chrono::steady_clock::now();
    f();
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return best;
}

double gigaflops() {
  constexpr int64_t kCount = 2'000'000;
  const bool wide = __builtin_cpu_supports("avx512f");
  std::vector<float> results(static_cast<size_t>(num_threads()));
  const double seconds = best_seconds([&] {
    parallel_for(num_threads(), 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        results[static_cast<size_t>(i)] = wide ? multiply_add_512(kCount) : multiply_add_256(kCount);
      }
    });
  });
  return 2e-9 * kCount * kChains * (wide ? 16 : 8) * num_threads() / seconds;
}

double update_gigabytes() {
  constexpr int64_t kElements = 64 << 20;
  std::vector<float> weights(kElements, 1.0f), gradients(kElements, 0.5f);
  const double seconds = best_seconds([&] {
    parallel_for(kElements, 1 << 16, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        weights[static_cast<size_t>(i)] -= 1e-3f * gradients[static_cast<size_t>(i)];
      }
    });
  });
  return 3e-9 * sizeof(float) * kElements / seconds;
}

int run(std::vector<std::string> words) {  // NOLINT: as run_program() takes it
  if (words.size() > 1) {
    fmt::print(stderr, "usage: machine_bench [THREADS]\n");
    return 2;
  }
  if (!words.empty()) set_num_threads(static_cast<int>(count_of(words[0], "number of threads")));
  fmt::print("threads={} multiply_add_gflop_s={:.0f} update_gb_s={:.1f}\n", num_threads(), gigaflops(),
             update_gigabytes());
  return 0;
}

}  // namespace

}  // namespace dlengine::bench

int main(int argc, char** argv) {
  return dlengine::bench::run_program("machine_bench", argc, argv, dlengine::bench::run);
}

// Internal: work in parts, for a number of workers that each have memory of their own.
#pragma once

#include <cstdint>

#include "dlengine/core/parallel.h"

namespace dlengine {

constexpr int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

/// Calls f(worker, first, last), which share out the tasks.
template <typename F>
void share_out(int64_t tasks, int64_t workers, const F& f) {
  parallel_for(workers, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) f(i, tasks * i / workers, tasks * (i + 1) / workers);
  });
}

}  // namespace dlengine

// Parallel loops on OpenMP's team.
#include "dlengine/core/parallel.h"

#include <omp.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <cstdlib>
#include <exception>
#include <string_view>

#include "dlengine/core/check.h"

namespace dlengine {

namespace {

int initial_threads() {
  const char* const variable = std::getenv("DLENGINE_NUM_THREADS");
  const std::string_view text = variable ? variable : "";
  if (text.empty()) return std::max(1, omp_get_max_threads());
  const char* const end = text.data() + text.size();
  int count = 0;
  const auto [stop, error] = std::from_chars(text.data(), end, count);
  check<ValueError>(error == std::errc() && stop == end && count >= 1,
                    "DLENGINE_NUM_THREADS: need a whole number of at least 1, got \"{}\"", text);
  return count;
}

std::atomic<int>& thread_count() {
  static std::atomic<int> count = initial_threads();
  return count;
}

}  // namespace

int num_threads() { return thread_count().load(std::memory_order_relaxed); }

void set_num_threads(int count) {
  check<ValueError>(count >= 1, "set_num_threads: need at least 1 thread, got {}", count);
  thread_count() = count;
}

void detail::parallel_ranges(int64_t count, int64_t grain, void (*body)(void*, int64_t, int64_t),
                             void* context) {
  if (count <= 0) return;
  const int64_t most = count / std::max<int64_t>(grain, 1);  // ranges that are no smaller than the grain
  const int threads = static_cast<int>(std::min<int64_t>(num_threads(), most));
  if (threads <= 1 || omp_in_parallel()) return body(context, 0, count);

  std::exception_ptr error;
#pragma omp parallel num_threads(threads)
  {
    const int64_t team = omp_get_num_threads();  // may be fewer than asked for
    const int64_t rank = omp_get_thread_num();
    try {
      const int64_t begin = count * rank / team;
      const int64_t end = count * (rank + 1) / team;
      if (begin < end) body(context, begin, end);
    } catch (...) {
#pragma omp critical(dlengine_parallel_error)
      if (!error) error = std::current_exception();
    }
  }
  if (error) std::rethrow_exception(error);
}

}  // namespace dlengine

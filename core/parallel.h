// Loops over the CPU's threads: OpenMP's team, which oneDNN uses too, so there is one pool.
#pragma once

#include <cstdint>
#include <memory>
#include <type_traits>

namespace dlengine {

/// Threads that CPU operations use; at first DLENGINE_NUM_THREADS, else OMP_NUM_THREADS, else the cores there
/// are. Throws ValueError where the first is no whole number of at least 1; so does the first operation.
int num_threads();
/// Throws ValueError below 1.
void set_num_threads(int count);

/// So many threads while it lives. Throws ValueError below 1.
class ThreadCount {
 public:
  explicit ThreadCount(int count) : before_(num_threads()) { set_num_threads(count); }
  ~ThreadCount() { set_num_threads(before_); }
  ThreadCount(const ThreadCount&) = delete;
  ThreadCount& operator=(const ThreadCount&) = delete;

 private:
  int before_;
};

namespace detail {
void parallel_ranges(int64_t count, int64_t grain, void (*body)(void*, int64_t, int64_t), void* context);
}

/// Splits 0 .. count-1 into one range per thread, each of `grain` items or more, and calls body(begin, end)
/// on each. Runs on the calling thread alone where count <= grain, or inside of another parallel loop. An
/// exception of the body is thrown to the caller.
template <typename F>
void parallel_for(int64_t count, int64_t grain, F&& body) {
  using Body = std::remove_reference_t<F>;
  detail::parallel_ranges(
      count, grain,
      [](void* context, int64_t begin, int64_t end) { (*static_cast<Body*>(context))(begin, end); },
      const_cast<void*>(static_cast<const void*>(std::addressof(body))));
}

}  // namespace dlengine

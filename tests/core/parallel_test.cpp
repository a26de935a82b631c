// Loops over threads.
#include "dlengine/core/parallel.h"

#include <atomic>
#include <cstdlib>
#include <iostream>
#include <mutex>
#include <stdexcept>
#include <utility>
#include <vector>

#include "tests/support/compare.h"

namespace dlengine::test {
namespace {

TEST(ParallelFor, VisitsEachItemOnce) {
  for (const int threads : {1, 2, 5}) {
    const ThreadCount guard(threads);
    for (const int64_t count : {0, 1, 2, 3, 7, 100, 1001}) {
      for (const int64_t grain : {1, 3, 64, 5000}) {
        std::vector<std::atomic<int>> visits(static_cast<size_t>(count));
        parallel_for(count, grain, [&](int64_t begin, int64_t end) {
          for (int64_t i = begin; i < end; ++i) ++visits[static_cast<size_t>(i)];
        });
        for (const auto& visit : visits) ASSERT_EQ(visit, 1) << count << " " << grain;
      }
    }
  }
}

TEST(ParallelFor, GivesRangesOfAtLeastTheGrain) {
  const ThreadCount guard(4);
  std::mutex mutex;
  std::vector<int64_t> sizes;
  parallel_for(100, 40, [&](int64_t begin, int64_t end) {
    const std::scoped_lock lock(mutex);
    sizes.push_back(end - begin);
  });
  EXPECT_LE(sizes.size(), 2U);
  for (const int64_t size : sizes) EXPECT_GE(size, 40);
}

TEST(ParallelFor, RunsInsideOfAnotherOnItsThread) {
  const ThreadCount guard(4);
  std::atomic<int64_t> sum = 0;
  parallel_for(8, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      int calls = 0;
      parallel_for(100, 1, [&](int64_t from, int64_t to) {
        ++calls;
        sum += to - from;
      });
      EXPECT_EQ(calls, 1);
    }
  });
  EXPECT_EQ(sum, 800);
}

TEST(ParallelFor, HandsExceptionsToTheCaller) {
  for (const int threads : {1, 4}) {
    const ThreadCount guard(threads);
    const auto run = [](int64_t bad) {
      parallel_for(100, 1, [&](int64_t begin, int64_t end) {
        if (bad >= begin && bad < end) throw std::runtime_error("item " + std::to_string(bad));
      });
    };
    expect_throw<std::runtime_error>([&] { run(0); }, {"item 0"});
    expect_throw<std::runtime_error>([&] { run(99); }, {"item 99"});
    run(100);  // goes on working
  }
}

TEST(Threads, CountIsAtLeastOne) {
  expect_throw<ValueError>([] { set_num_threads(0); }, {"set_num_threads", "0"});
  expect_throw<ValueError>([] { set_num_threads(-3); }, {"set_num_threads", "-3"});
  const ThreadCount guard(3);
  EXPECT_EQ(num_threads(), 3);
}

/// Ends the process with the number of threads, or with 99 and the error.
[[noreturn]] void exit_with_threads() {
  try {
    std::exit(num_threads());
  } catch (const ValueError& error) {
    std::cerr << error.what();
    std::exit(99);
  }
}

TEST(Threads, VariableIsAWholeNumber) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");  // a process that has not read the variable yet
  const char* const before = std::getenv("DLENGINE_NUM_THREADS");
  const std::string kept = before ? before : "";
  for (const char* bad : {"abc", "-3", "0", "2x", "1.5", "99999999999"}) {
    setenv("DLENGINE_NUM_THREADS", bad, 1);
    EXPECT_EXIT(exit_with_threads(), testing::ExitedWithCode(99),
                std::string("DLENGINE_NUM_THREADS: need a whole number of at least 1, got \"") + bad + '"');
  }
  setenv("DLENGINE_NUM_THREADS", "7", 1);
  EXPECT_EXIT(exit_with_threads(), testing::ExitedWithCode(7), "");
  setenv("DLENGINE_NUM_THREADS", "", 1);
  setenv("OMP_NUM_THREADS", "5", 1);
  EXPECT_EXIT(exit_with_threads(), testing::ExitedWithCode(5), "");
  unsetenv("OMP_NUM_THREADS");
  before ? setenv("DLENGINE_NUM_THREADS", kept.c_str(), 1) : unsetenv("DLENGINE_NUM_THREADS");
}

}  // namespace
}  // namespace dlengine::test

// The cache of prepared plans: it prepares once, keeps the latest and is safe between threads.
#include "dlengine/kernels/plan_cache.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

namespace dlengine::test {
namespace {

struct Key {
  int size = 0;
  bool flag = false;
  friend bool operator==(const Key&, const Key&) = default;
  size_t hash() const { return hash_of(size, flag); }
};

/// A cache of numbers that counts how often one was made.
struct Numbers {
  PlanCache<Key, int> cache{2};
  std::atomic<int> made = 0;
  int get(const Key& key) {
    return *cache.get(key, [&] { return std::make_shared<int>(100 * ++made + key.size); });
  }
};

TEST(PlanCache, PreparesOncePerKey) {
  Numbers numbers;
  EXPECT_EQ(numbers.get({1}), 101);
  EXPECT_EQ(numbers.get({1}), 101);
  EXPECT_EQ(numbers.get({1, true}), 201);
  EXPECT_EQ(numbers.cache.stats().hits, 1);
  EXPECT_EQ(numbers.cache.stats().misses, 2);
}

TEST(PlanCache, DropsThePlanThatWasNotAskedForLongest) {
  Numbers numbers;
  numbers.get({1});
  numbers.get({2});
  numbers.get({1});
  numbers.get({3});  // 2 goes
  EXPECT_EQ(numbers.cache.size(), 2u);
  EXPECT_EQ(numbers.get({1}), 101);
  EXPECT_EQ(numbers.get({3}), 303);
  EXPECT_EQ(numbers.get({2}), 402);
}

TEST(PlanCache, KeepsNothingWhenPreparingFails) {
  Numbers numbers;
  EXPECT_THROW(numbers.cache.get({1}, []() -> std::shared_ptr<int> { throw 7; }), int);
  EXPECT_EQ(numbers.cache.size(), 0u);
  EXPECT_EQ(numbers.get({1}), 101);
}

TEST(PlanCache, ADroppedPlanLivesWhileItIsUsed) {
  PlanCache<Key, int> cache(1);
  const auto make = [](int value) { return [value] { return std::make_shared<int>(value); }; };
  const std::shared_ptr<int> first = cache.get({1}, make(1));
  cache.get({2}, make(2));
  EXPECT_EQ(*first, 1);
}

TEST(PlanCache, ServesManyThreads) {
  Numbers numbers;
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 2000; ++i) {
        const int size = (i + t) % 3;
        wrong += numbers.get({size}) % 100 != size;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_LE(numbers.cache.size(), 2u);
}

}  // namespace
}  // namespace dlengine::test

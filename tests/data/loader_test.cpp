// Order, last batch, prefetch, random numbers, errors and the end of the thread.
#include "dlengine/data/loader.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <thread>
#include <type_traits>
#include <vector>

#include "dlengine/core/error.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/random.h"
#include "tests/support/compare.h"

namespace dlengine::test {
namespace {

using Longs = std::vector<int64_t>;

/// Sample i is the number i. Counts its batches; can fail at one sample and can be slow.
class Counting final : public Dataset {
 public:
  explicit Counting(int64_t size) : size_(size) {}
  int64_t size() const override { return size_; }
  Batch get(std::span<const int64_t> indices) const override {
    ++batches;
    std::this_thread::sleep_for(delay);
    if (std::find(indices.begin(), indices.end(), failing) != indices.end())
      throw IoError("sample is damaged");
    const Tensor numbers = from_span(indices, {static_cast<int64_t>(indices.size())});
    return {numbers, numbers};
  }

  mutable std::atomic<int> batches = 0;
  int64_t failing = -1;
  std::chrono::milliseconds delay{0};

 private:
  int64_t size_;
};

/// The batches of one epoch.
std::vector<Longs> epoch_of(Loader& loader) {
  std::vector<Longs> batches;
  for (Batch batch; loader.next(batch);) batches.push_back(batch.y.to_vector<int64_t>());
  return batches;
}

Longs joined(const std::vector<Longs>& batches) {
  Longs all;
  for (const Longs& batch : batches) all.insert(all.end(), batch.begin(), batch.end());
  return all;
}

Longs count_to(int64_t n) {
  Longs numbers(static_cast<size_t>(n));
  std::iota(numbers.begin(), numbers.end(), 0);
  return numbers;
}

class LoaderTest : public testing::TestWithParam<int> {
 protected:
  LoaderOptions options(int64_t batch_size, bool shuffle = false, bool drop_last = false,
                        uint64_t seed = 0) const {
    return {.batch_size = batch_size,
            .shuffle = shuffle,
            .drop_last = drop_last,
            .prefetch = GetParam(),
            .seed = seed};
  }
};

INSTANTIATE_TEST_SUITE_P(Prefetch, LoaderTest, testing::Values(0, 1, 2, 7));

TEST_P(LoaderTest, KeepsTheOrderAndTheShortLastBatch) {
  const Counting data(7);
  Loader loader(data, options(3));
  EXPECT_EQ(loader.batches_per_epoch(), 3);
  EXPECT_EQ(&loader.dataset(), &data);
  EXPECT_EQ(epoch_of(loader), (std::vector<Longs>{{0, 1, 2}, {3, 4, 5}, {6}}));
  Batch batch;
  EXPECT_FALSE(loader.next(batch));  // and stays so
  loader.start_epoch(1);
  EXPECT_EQ(joined(epoch_of(loader)), count_to(7));
}

TEST_P(LoaderTest, CanDropTheShortLastBatch) {
  const Counting data(7);
  Loader loader(data, options(3, false, true));
  EXPECT_EQ(loader.batches_per_epoch(), 2);
  EXPECT_EQ(epoch_of(loader), (std::vector<Longs>{{0, 1, 2}, {3, 4, 5}}));
  Loader none(data, options(8, false, true));
  EXPECT_EQ(none.batches_per_epoch(), 0);
  EXPECT_TRUE(epoch_of(none).empty());
}

TEST_P(LoaderTest, TakesBatchesOfAnySize) {
  for (const int64_t size : {0, 1, 2, 64}) {
    const Counting data(size);
    for (const int64_t batch_size : {1, 2, 64, 1000}) {
      Loader loader(data, options(batch_size));
      const auto batches = epoch_of(loader);
      EXPECT_EQ(static_cast<int64_t>(batches.size()), loader.batches_per_epoch());
      EXPECT_EQ(joined(batches), count_to(size));
    }
  }
}

TEST_P(LoaderTest, ShufflesEverySampleOnceByEpochAndSeed) {
  const Counting data(100);
  Loader loader(data, options(9, true, false, 5));
  const Longs first = joined(epoch_of(loader));
  loader.start_epoch(1);
  const Longs second = joined(epoch_of(loader));
  EXPECT_NE(first, count_to(100));
  EXPECT_NE(first, second);
  for (Longs order : {first, second}) {
    std::sort(order.begin(), order.end());
    EXPECT_EQ(order, count_to(100));
  }
  loader.start_epoch(0);
  EXPECT_EQ(joined(epoch_of(loader)), first);
  Loader other(data, options(9, true, false, 6));
  EXPECT_NE(joined(epoch_of(other)), first);
}

TEST_P(LoaderTest, OrderDependsOnSeedAndEpochAlone) {
  const Counting data(50);
  Loader loader(data, options(8, true, false, 5));
  loader.start_epoch(3);
  Loader plain(data, {.batch_size = 50, .shuffle = true, .prefetch = 0, .seed = 5});
  plain.start_epoch(3);
  EXPECT_EQ(joined(epoch_of(loader)), joined(epoch_of(plain)));
}

TEST_P(LoaderTest, CanLeaveAnEpochEarly) {
  const Counting data(100);
  Loader loader(data, options(1));
  for (int64_t taken = 0; taken < 20; ++taken) {
    loader.start_epoch(taken);
    Batch batch;
    for (int64_t i = 0; i < taken; ++i) {
      ASSERT_TRUE(loader.next(batch));
      EXPECT_EQ(batch.y.to_vector<int64_t>(), Longs{i});
    }
  }
}

TEST_P(LoaderTest, ThrowsTheErrorOfTheDataSetInItsPlace) {
  Counting data(10);
  data.failing = 5;
  Loader loader(data, options(2));
  Batch batch;
  EXPECT_TRUE(loader.next(batch));
  EXPECT_TRUE(loader.next(batch));
  expect_throw<IoError>([&] { loader.next(batch); }, {"sample is damaged"});
  EXPECT_FALSE(loader.next(batch));
  data.failing = -1;
  loader.start_epoch(0);
  EXPECT_EQ(joined(epoch_of(loader)), count_to(10));
}

TEST_P(LoaderTest, EndsWithoutBeingReadThrough) {
  Counting data(1000);
  data.delay = std::chrono::milliseconds(1);
  for (int taken = 0; taken < 4; ++taken) {
    Loader loader(data, options(1));
    Batch batch;
    for (int i = 0; i < taken; ++i) loader.next(batch);
  }
  EXPECT_LT(data.batches, 60);  // 4 loaders: read, waiting and in the making
}

TEST(Loader, PreparesBatchesAheadButNoMoreThanAsked) {
  const Counting data(100);
  Loader loader(data, {.batch_size = 1, .prefetch = 3});
  Batch batch;
  ASSERT_TRUE(loader.next(batch));
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (data.batches < 4 && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_EQ(data.batches, 4);
}

// --- What a data set draws ---

/// Every sample is noise, drawn in two operations.
class Noise final : public Dataset {
 public:
  int64_t size() const override { return 7; }
  Batch get(std::span<const int64_t> indices) const override {
    const auto count = static_cast<int64_t>(indices.size());
    const Tensor x = randn({count});
    if (failing) throw IoError("no noise");
    return {x, rand({count})};
  }

  bool failing = false;
};

/// x and y of every batch.
std::vector<std::vector<float>> noise_of(Loader& loader, int64_t epoch) {
  std::vector<std::vector<float>> batches;
  loader.start_epoch(epoch);
  for (Batch batch; loader.next(batch);) {
    batches.push_back(batch.x.to_vector<float>());
    batches.push_back(batch.y.to_vector<float>());
  }
  return batches;
}

TEST_P(LoaderTest, EveryBatchOfEveryEpochHasRandomNumbersOfItsOwn) {
  const Noise noise;
  Loader loader(noise, options(2, false, false, 5)), other(noise, options(2, false, false, 6));
  std::vector<std::vector<float>> all;
  for (Loader* one : {&loader, &other}) {
    for (const int64_t epoch : {0, 1, 7}) {
      const auto batches = noise_of(*one, epoch);
      all.insert(all.end(), batches.begin(), batches.end());
    }
  }
  EXPECT_EQ(all.size(), 2 * 3 * 8u);
  std::sort(all.begin(), all.end());
  EXPECT_EQ(std::adjacent_find(all.begin(), all.end()), all.end());
}

TEST_P(LoaderTest, RandomNumbersDependOnSeedEpochAndBatchAlone) {
  const Noise noise;
  Loader plain(noise, {.batch_size = 2, .prefetch = 0, .seed = 5});
  const auto want = noise_of(plain, 3);
  manual_seed(123);
  Loader loader(noise, options(2, false, false, 5));
  Batch batch;
  loader.next(batch);  // of an epoch that is left
  EXPECT_EQ(noise_of(loader, 3), want);
  EXPECT_EQ(noise_of(loader, 3), want);
}

TEST_P(LoaderTest, LeavesTheGeneratorOfTheCallingThreadAsItIs) {
  Noise noise;
  manual_seed(123);
  rand({1});
  const Generator::State before = default_generator().state();
  Loader loader(noise, options(2));
  noise_of(loader, 0);
  EXPECT_EQ(default_generator().state(), before);
  noise.failing = true;
  EXPECT_THROW(noise_of(loader, 1), IoError);
  EXPECT_EQ(default_generator().state(), before);
}

// --- What a data set gives ---

/// Gives x and y of these shapes, whatever is asked for; y is undefined without one.
class Stubborn final : public Dataset {
 public:
  Stubborn(const Shape& x, const std::optional<Shape>& y) : x_(x), y_(y) {}
  int64_t size() const override { return 6; }
  Batch get(std::span<const int64_t>) const override { return {zeros(x_), y_ ? zeros(*y_) : Tensor()}; }

 private:
  Shape x_;
  std::optional<Shape> y_;
};

TEST_P(LoaderTest, RefusesBatchesOfAnotherSize) {
  const struct {
    Stubborn data;
    std::string_view got;
  } rows[] = {{{{2, 4}, Shape{3}}, "got x [2, 4] and y [3]"},
              {{{4, 4}, Shape{4}}, "got x [4, 4] and y [4]"},
              {{{3, 4}, Shape{2}}, "got x [3, 4] and y [2]"},
              {{{3}, Shape{}}, "got x [3] and y []"},
              {{{2}, std::nullopt}, "got x [2] and y undefined"}};
  for (const auto& [data, got] : rows) {
    Loader loader(data, options(3));
    Batch batch;
    expect_throw<ShapeError>([&] { loader.next(batch); },
                             {"Dataset::get: need x [3, ...] and y [3, ...] for 3 indices", got});
    EXPECT_FALSE(loader.next(batch));
  }
}

TEST_P(LoaderTest, TakesSamplesWithoutAnswers) {
  const Stubborn data({3, 4}, std::nullopt);
  Loader loader(data, options(3));
  Batch batch;
  EXPECT_TRUE(loader.next(batch));
  EXPECT_FALSE(batch.y.defined());
}

TEST(Loader, RefusesBatchesWithoutSamples) {
  class : public Dataset {
    int64_t size() const override { return 1; }
    Batch get(std::span<const int64_t>) const override { return {}; }
  } none;
  Loader loader(none);
  Batch batch;
  expect_throw<ShapeError>([&] { loader.next(batch); }, {"got x undefined and y undefined"});
}

TEST(Loader, DoesNotTakeADataSetThatEndsBeforeIt) {
  EXPECT_TRUE((std::is_constructible_v<Loader, const Noise&, LoaderOptions>));
  EXPECT_FALSE((std::is_constructible_v<Loader, Noise, LoaderOptions>));
  EXPECT_FALSE((std::is_constructible_v<Loader, const Noise>));
}

TEST(Loader, RefusesOptionsOutOfRange) {
  const Counting data(10);
  expect_throw<ValueError>([&] { Loader(data, {.batch_size = 0}); }, {"Loader", "batch_size >= 1", "0"});
  expect_throw<ValueError>([&] { Loader(data, {.batch_size = -3}); }, {"-3"});
  expect_throw<ValueError>([&] { Loader(data, {.prefetch = -1}); }, {"Loader", "prefetch >= 0", "-1"});
  Loader loader(data);
  expect_throw<ValueError>([&] { loader.start_epoch(-1); }, {"Loader", "epoch >= 0", "-1"});
}

}  // namespace
}  // namespace dlengine::test

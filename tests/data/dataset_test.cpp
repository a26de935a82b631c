// Samples in memory and runs of them.
#include "dlengine/data/dataset.h"

#include <algorithm>
#include <limits>
#include <type_traits>
#include <utility>
#include <vector>

#include "dlengine/core/error.h"
#include "dlengine/core/factory.h"
#include "tests/data/files.h"
#include "tests/support/compare.h"

namespace dlengine::test {
namespace {

using Floats = std::vector<float>;
using Longs = std::vector<int64_t>;

TensorDataset numbers(int64_t count) {
  Floats x;
  Longs y;
  for (int64_t i = 0; i < count; ++i) {
    x.insert(x.end(), {static_cast<float>(i), static_cast<float>(-i)});
    y.push_back(100 + i);
  }
  return {from_vector(x, {count, 2}), from_vector(y, {count})};
}

TEST(TensorDataset, GathersInTheOrderAskedFor) {
  const TensorDataset data = numbers(5);
  EXPECT_EQ(data.size(), 5);
  const Batch batch = data.get(Longs{4, 0, 4, 2});
  EXPECT_EQ(batch.size(), 4);
  EXPECT_EQ(dims(batch.x), (Longs{4, 2}));
  EXPECT_EQ(batch.x.to_vector<float>(), (Floats{4, -4, 0, -0.0f, 4, -4, 2, -2}));
  EXPECT_EQ(batch.y.dtype(), DType::i64);
  EXPECT_EQ(batch.y.to_vector<int64_t>(), (Longs{104, 100, 104, 102}));
}

TEST(TensorDataset, GivesAnEmptyBatch) {
  const Batch batch = numbers(5).get({});
  EXPECT_EQ(dims(batch.x), (Longs{0, 2}));
  EXPECT_EQ(dims(batch.y), (Longs{0}));
}

TEST(TensorDataset, ScalesEveryByteToTheNearestFloat) {
  std::vector<uint8_t> bytes(256);
  Floats want(256);
  for (int i = 0; i < 256; ++i) {
    bytes[static_cast<size_t>(i)] = static_cast<uint8_t>(i);
    want[static_cast<size_t>(i)] = static_cast<float>(i / 255.0);
  }
  const TensorDataset data(from_vector(bytes, {2, 1, 8, 16}), from_vector(Longs{0, 1}, {2}));
  EXPECT_EQ(data.x().dtype(), DType::u8);
  const Batch batch = data.get(Longs{0, 1});
  EXPECT_EQ(dims(batch.x), (Longs{2, 1, 8, 16}));
  EXPECT_EQ(batch.x.to_vector<float>(), want);
}

TEST(TensorDataset, LeavesOtherTypesAsTheyAre) {
  for (const DType dtype : {DType::f16, DType::f32, DType::f64, DType::i32, DType::boolean}) {
    const TensorDataset data(ones({3, 2}, dtype), zeros({3, 10}, DType::u8));
    const Batch batch = data.get(Longs{1});
    EXPECT_EQ(batch.x.dtype(), dtype);
    EXPECT_EQ(batch.x.to_vector<float>(), (Floats{1, 1}));
    EXPECT_EQ(batch.y.dtype(), DType::u8);
  }
}

TEST(TensorDataset, TakesViewsAndKeepsOffTheTape) {
  Tensor x = from_vector(Floats{1, 2, 3, 4, 5, 6}, {2, 3});
  x.set_requires_grad();
  const TensorDataset data(x.transpose(0, 1), zeros({3}));
  const Batch batch = data.get(Longs{2, 0});
  EXPECT_EQ(batch.x.to_vector<float>(), (Floats{3, 6, 1, 4}));
  EXPECT_FALSE(batch.x.requires_grad());
}

TEST(TensorDataset, CountsMustAgree) {
  expect_throw<ShapeError>(
      [] {
        TensorDataset(zeros({3, 2}), zeros({4}));
      },
      {"TensorDataset", "x [3, 2]", "y [4]"});
  expect_throw<ShapeError>([] { TensorDataset(zeros({}), zeros({})); }, {"TensorDataset", "x []"});
}

TEST(TensorDataset, RefusesNumbersOutOfRange) {
  const TensorDataset data = numbers(5);
  expect_throw<ValueError>([&] { data.get(Longs{0, 5}); }, {"TensorDataset", "sample 5", "0 to 4"});
  expect_throw<ValueError>([&] { data.get(Longs{-1}); }, {"sample -1"});
}

TEST(Subset, IsARunOfTheWhole) {
  const TensorDataset data = numbers(10);
  const Subset part(data, 3, 7);
  EXPECT_EQ(part.size(), 4);
  EXPECT_EQ(part.get(Longs{0, 3}).y.to_vector<int64_t>(), (Longs{103, 106}));
  const Subset of_subset(part, 1, 3);
  EXPECT_EQ(of_subset.get(Longs{1}).y.to_vector<int64_t>(), (Longs{105}));
  EXPECT_EQ(Subset(data, 10, 10).size(), 0);
}

TEST(Subset, RefusesWhatIsOutside) {
  const TensorDataset data = numbers(10);
  expect_throw<ValueError>([&] { Subset(data, -1, 5); }, {"Subset", "got -1 and 5"});
  expect_throw<ValueError>([&] { Subset(data, 6, 5); }, {"got 6 and 5"});
  expect_throw<ValueError>([&] { Subset(data, 0, 11); }, {"last <= 10"});
  const Subset part(data, 3, 7);
  expect_throw<ValueError>([&] { part.get(Longs{4}); }, {"Subset: sample 4", "0 to 3"});
  expect_throw<ValueError>([&] { part.get(Longs{-1}); }, {"Subset: sample -1"});
}

TEST(Selection, GivesTheChosenSamplesInTheirOrder) {
  const TensorDataset data = numbers(10);
  const Selection chosen(data, {7, 0, 7});
  EXPECT_EQ(chosen.size(), 3);
  EXPECT_EQ(chosen.get(Longs{2, 1}).y.to_vector<int64_t>(), (Longs{107, 100}));
  const std::optional<Samples> all = chosen.in_memory();
  ASSERT_TRUE(all);
  EXPECT_EQ(all->x.to_vector<float>(), (Floats{7, -7, 0, -0.0f, 7, -7}));
  EXPECT_EQ(all->y.to_vector<int64_t>(), (Longs{107, 100, 107}));
  EXPECT_EQ(Selection(data, {}).size(), 0);
}

TEST(Selection, KeepsBytesAsTheyAreAndScalesThemAsTheyAreRead) {
  const TensorDataset data(full({4, 2}, 255, DType::u8), zeros({4}, DType::i64));
  const Selection chosen(data, {3, 1});
  EXPECT_EQ(chosen.in_memory()->x.dtype(), DType::u8);
  EXPECT_EQ(chosen.get(Longs{0}).x.to_vector<float>(), (Floats{1, 1}));
}

TEST(Selection, RefusesNumbersOutOfRange) {
  const TensorDataset data = numbers(5);
  expect_throw<ValueError>([&] { Selection(data, {0, 5}); }, {"Selection: sample 5", "0 to 4"});
  const Selection chosen(data, {4});
  expect_throw<ValueError>([&] { chosen.get(Longs{1}); }, {"Selection: sample 1", "0 to 0"});
}

template <typename D>
concept CanBeSplit = requires(D&& data) {
  random_split(std::forward<D>(data), 0.5);
};

TEST(PartsOfADataSet, DoNotTakeOneThatEndsBeforeThem) {
  EXPECT_TRUE((std::is_constructible_v<Subset, const TensorDataset&, int64_t, int64_t>));
  EXPECT_FALSE((std::is_constructible_v<Subset, TensorDataset, int64_t, int64_t>));
  EXPECT_FALSE((std::is_constructible_v<Subset, const Subset, int64_t, int64_t>));
  EXPECT_TRUE((std::is_constructible_v<Selection, const TensorDataset&, Longs>));
  EXPECT_FALSE((std::is_constructible_v<Selection, TensorDataset, Longs>));
  EXPECT_TRUE(CanBeSplit<TensorDataset&>);
  EXPECT_TRUE(CanBeSplit<const Subset&>);
  EXPECT_FALSE(CanBeSplit<TensorDataset>);
  EXPECT_FALSE(CanBeSplit<const Subset>);
}

Longs labels(const Dataset& data) { return data.in_memory()->y.to_vector<int64_t>(); }

TEST(RandomSplit, GivesEachSampleToOnePart) {
  const TensorDataset data = numbers(10);
  const Split split = random_split(data, 0.25, 3);
  EXPECT_EQ(split.validation.size(), 3);  // 2.5 rounded
  Longs all = labels(split.train), more = labels(split.validation);
  all.insert(all.end(), more.begin(), more.end());
  std::ranges::sort(all);
  EXPECT_EQ(all, labels(data));
}

TEST(RandomSplit, DependsOnTheSeedAlone) {
  const TensorDataset data = numbers(40);
  EXPECT_EQ(labels(random_split(data, 0.5, 1).train), labels(random_split(data, 0.5, 1).train));
  EXPECT_NE(labels(random_split(data, 0.5, 1).train), labels(random_split(data, 0.5, 2).train));
}

TEST(RandomSplit, RefusesSharesThatLeaveNothing) {
  const TensorDataset data = numbers(4);
  for (const double share : {0.0, 1.0, -0.5, std::numeric_limits<double>::quiet_NaN()}) {
    expect_throw<ValueError>([&] { random_split(data, share); }, {"random_split: need 0 < share < 1, got"});
  }
  expect_throw<ValueError>([&] { random_split(data, 0.1); },
                           {"a share of 0.1 of 4 samples leaves a part without any"});
}

}  // namespace
}  // namespace dlengine::test

// Shifts and flips, and the statistics of colours.
#include "dlengine/data/augmented_images.h"

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <numeric>
#include <set>
#include <thread>
#include <vector>

#include "dlengine/core/error.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/parallel.h"
#include "dlengine/data/channel_statistics.h"
#include "dlengine/data/loader.h"
#include "tests/data/files.h"
#include "tests/support/compare.h"

namespace dlengine::test {
namespace {

using Floats = std::vector<float>;

/// So many equal images of two planes of 3 x 4 pixels: 1, 2, 3, ...
TensorDataset numbered(int64_t count) {
  return {arange(1, 25).reshape({1, 2, 3, 4}).expand({count, 2, 3, 4}),
          arange(0, static_cast<double>(count))};
}

/// The image of numbered(), changed: by the definition.
Floats changed(int64_t down, int64_t right, bool flip) {
  Floats image;
  for (int64_t plane = 0; plane < 2; ++plane) {
    for (int64_t row = 0; row < 3; ++row) {
      for (int64_t column = 0; column < 4; ++column) {
        const int64_t y = row - down, x = (flip ? 3 - column : column) - right;
        const bool inside = y >= 0 && y < 3 && x >= 0 && x < 4;
        image.push_back(inside ? static_cast<float>(1 + plane * 12 + y * 4 + x) : 0);
      }
    }
  }
  return image;
}

/// The different images among many of the changed ones.
std::set<Floats> seen(const AugmentOptions& options, int64_t count = 2000) {
  const TensorDataset data = numbered(count);
  std::vector<int64_t> all(static_cast<size_t>(count));
  std::iota(all.begin(), all.end(), 0);
  const Tensor images = AugmentedImages(data, options).get(all).x;
  std::set<Floats> different;
  for (int64_t i = 0; i < count; ++i) different.insert(images.select(0, i).to_vector<float>());
  return different;
}

TEST(AugmentedImages, AreEveryShiftAndFlipAndNothingElse) {
  for (const int64_t shift : {0, 1, 2, 5}) {
    for (const bool flip : {false, true}) {
      std::set<Floats> want;
      for (int64_t down = -shift; down <= shift; ++down) {
        for (int64_t right = -shift; right <= shift; ++right) {
          want.insert(changed(down, right, false));
          if (flip) want.insert(changed(down, right, true));
        }
      }
      EXPECT_EQ(seen({.shift = shift, .flip = flip}), want) << shift << flip;
    }
  }
}

TEST(AugmentedImages, AreFlippedHalfOfTheTime) {
  const TensorDataset data = numbered(1000);
  std::vector<int64_t> all(1000);
  std::iota(all.begin(), all.end(), 0);
  const Tensor images = AugmentedImages(data, {.flip = true}).get(all).x;
  const auto first = images.select(1, 0).select(1, 0).select(1, 0).to_vector<float>();
  const auto flipped = std::ranges::count(first, 4.0f);
  EXPECT_GT(flipped, 440);
  EXPECT_LT(flipped, 560);
}

TEST(AugmentedImages, KeepLabelsAndOrderAndComeAgainWithTheSeed) {
  const TensorDataset data = numbered(20);
  const AugmentedImages images(data, {.shift = 1, .flip = true});
  EXPECT_EQ(images.size(), 20);
  EXPECT_FALSE(images.in_memory());
  const auto epoch = [&](int64_t number, uint64_t seed) {
    Loader loader(images, {.batch_size = 8, .shuffle = true, .seed = seed});
    loader.start_epoch(number);
    Floats pixels;
    for (Batch batch; loader.next(batch);) {
      const auto part = batch.x.to_vector<float>(), labels = batch.y.to_vector<float>();
      pixels.insert(pixels.end(), part.begin(), part.end());
      pixels.insert(pixels.end(), labels.begin(), labels.end());
    }
    return pixels;
  };
  EXPECT_EQ(epoch(0, 1), epoch(0, 1));
  EXPECT_NE(epoch(0, 1), epoch(1, 1));
  EXPECT_NE(epoch(0, 1), epoch(0, 2));
  const std::vector<int64_t> some = {7, 3};
  EXPECT_EQ(images.get(some).y.to_vector<int>(), (std::vector<int>{7, 3}));
  EXPECT_EQ(images.get({}).x.shape(), (Shape{0, 2, 3, 4}));
}

/// Images whose pixels do not lie side by side.
class Strided final : public Dataset {
 public:
  int64_t size() const override { return 4000; }
  Batch get(std::span<const int64_t> indices) const override {
    const auto count = static_cast<int64_t>(indices.size());
    return {images_.slice(0, 0, count), labels_.slice(0, 0, count)};
  }

 private:
  Tensor images_ = arange(0, 4000 * 2 * 12 * 8).reshape({4000, 2, 12, 8}).transpose(2, 3).slice(3, 0, 12, 2);
  Tensor labels_ = zeros({4000});
};

TEST(AugmentedImages, MayBeStrided) {
  const Strided data;
  const std::vector<int64_t> some = {0, 1, 2};
  const Tensor want = data.get(some).x;
  EXPECT_FALSE(want.is_contiguous());
  EXPECT_EQ(AugmentedImages(data, {}).get(some).x.to_vector<float>(), want.to_vector<float>());
}

std::ptrdiff_t threads_of_this_process() {
  const std::filesystem::directory_iterator first("/proc/self/task");
  return std::distance(begin(first), end(first));
}

TEST(AugmentedImages, AreMadeByOneThread) {
  if (!std::filesystem::exists("/proc/self/task")) GTEST_SKIP() << "the threads cannot be counted";
  const ThreadCount four(4);
  const Strided data;
  std::vector<int64_t> all(4000);
  std::iota(all.begin(), all.end(), 0);
  std::ptrdiff_t before = 0, after = 0;
  std::thread loader([&] {
    before = threads_of_this_process();
    AugmentedImages(data, {.shift = 1, .flip = true}).get(all);
    after = threads_of_this_process();
  });
  loader.join();
  EXPECT_LE(after, before);
}

TEST(AugmentedImages, RefuseWhatIsNoImage) {
  const TensorDataset rows(zeros({2, 3}), zeros({2})), wide(zeros({2, 1, 3, 3}, DType::f64), zeros({2}));
  const std::vector<int64_t> first = {0};
  expect_throw<ValueError>([&] { AugmentedImages(rows, {.shift = -1}); },
                           {"AugmentedImages: need a shift >= 0, got -1"});
  expect_throw<ShapeError>([&] { AugmentedImages(rows, {}).get(first); },
                           {"AugmentedImages: need x [N, C, H, W], got [1, 3]"});
  expect_throw<DTypeError>([&] { AugmentedImages(wide, {}).get(first); },
                           {"AugmentedImages: need x of f32, got f64"});
}

TEST(ChannelStatistics, AreThoseOfTheDefinition) {
  const Tensor x = from_vector(std::vector<uint8_t>{0, 255, 10, 10, 255, 0, 10, 20}, {2, 2, 1, 2});
  const auto [mean, deviation] = channel_statistics(x);
  ASSERT_EQ(mean.size(), 2u);
  EXPECT_DOUBLE_EQ(mean[0], 0.5);
  EXPECT_DOUBLE_EQ(deviation[0], 0.5);
  EXPECT_DOUBLE_EQ(mean[1], 12.5 / 255);
  EXPECT_DOUBLE_EQ(deviation[1], std::sqrt(18.75) / 255);
  for (const DType dtype : {DType::f16, DType::bf16, DType::f32, DType::f64}) {
    const auto floating = channel_statistics(tensor({{1, -2}, {3, -2}}).to(dtype));
    EXPECT_EQ(floating.mean, (std::vector<double>{2, -2}));
    EXPECT_EQ(floating.deviation, (std::vector<double>{1, 0}));
  }
}

TEST(ChannelStatistics, RefuseWhatHasNone) {
  expect_throw<ShapeError>([] { channel_statistics(zeros({3})); },
                           {"channel_statistics: need x [N, C, ...], got [3]"});
  expect_throw<ValueError>([] { channel_statistics(zeros({0, 3})); }, {"[0, 3] has no pixels"});
  expect_throw<DTypeError>(
      [] {
        channel_statistics(zeros({1, 3}, DType::i64));
      },
      {"need u8 or a floating type, got i64"});
}

}  // namespace
}  // namespace dlengine::test

// The drawn digits repeat, differ, and look like digits as far as numbers can say.
#include "dlengine/data/synthetic_digits.h"

#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <vector>

#include "dlengine/core/error.h"
#include "dlengine/core/parallel.h"
#include "tests/data/files.h"
#include "tests/support/compare.h"

namespace dlengine::test {
namespace {

constexpr int64_t kPixels = 28 * 28;

std::vector<uint8_t> bytes_of(const TensorDataset& part) { return part.x().to_vector<uint8_t>(); }

TEST(SyntheticDigits, HaveTheFormOfMnist) {
  const ImageDataset set = synthetic_digits({.train = 70, .test = 30});
  EXPECT_EQ(dims(set.train.x()), (std::vector<int64_t>{70, 1, 28, 28}));
  EXPECT_EQ(set.train.x().dtype(), DType::u8);
  EXPECT_EQ(set.train.y().dtype(), DType::i64);
  EXPECT_EQ(set.test.size(), 30);
  EXPECT_EQ(set.class_names.size(), 10u);
  EXPECT_NE(set.source.find("not MNIST"), std::string::npos);
  EXPECT_EQ(synthetic_digits({.train = 0, .test = 0}).train.size(), 0);
}

TEST(SyntheticDigits, AreAFunctionOfSeedAndNumberAlone) {
  const ImageDataset set = synthetic_digits({.train = 300, .test = 50, .seed = 3});
  const ImageDataset again = synthetic_digits({.train = 300, .test = 50, .seed = 3});
  EXPECT_EQ(bytes_of(set.train), bytes_of(again.train));
  EXPECT_EQ(bytes_of(set.test), bytes_of(again.test));
  const ImageDataset longer = synthetic_digits({.train = 350, .test = 0, .seed = 3});
  std::vector<uint8_t> all = bytes_of(set.train);
  const std::vector<uint8_t> test = bytes_of(set.test);
  all.insert(all.end(), test.begin(), test.end());
  EXPECT_EQ(bytes_of(longer.train), all);
  EXPECT_NE(bytes_of(synthetic_digits({.train = 300, .test = 0, .seed = 4}).train), bytes_of(set.train));
}

TEST(SyntheticDigits, DoNotDependOnTheThreads) {
  const int before = num_threads();
  set_num_threads(1);
  const ImageDataset one = synthetic_digits({.train = 500, .test = 0});
  set_num_threads(3);
  const ImageDataset three = synthetic_digits({.train = 500, .test = 0});
  set_num_threads(before);
  EXPECT_EQ(bytes_of(one.train), bytes_of(three.train));
  EXPECT_EQ(one.train.y().to_vector<int64_t>(), three.train.y().to_vector<int64_t>());
}

TEST(SyntheticDigits, HaveEveryClassAboutAsOften) {
  const ImageDataset set = synthetic_digits({.train = 10'000, .test = 0});
  std::array<int, 10> counts{};
  for (const int64_t label : set.train.y().to_vector<int64_t>()) ++counts[static_cast<size_t>(label)];
  // Binomial with mean 1000 and deviation 30.
  for (const int count : counts) EXPECT_NEAR(count, 1000, 150);
}

TEST(SyntheticDigits, HaveAsMuchInkAsMnistAndAllDiffer) {
  constexpr int64_t kCount = 2000;
  const ImageDataset set = synthetic_digits({.train = kCount, .test = 0});
  const uint8_t* pixels = set.train.x().data<uint8_t>();
  double sum = 0;
  std::set<std::string> images;
  for (int64_t i = 0; i < kCount; ++i) {
    const uint8_t* image = pixels + i * kPixels;
    const auto ink = std::count_if(image, image + kPixels, [](uint8_t pixel) { return pixel > 127; });
    EXPECT_GE(ink, 12) << i;  // a thin small 1
    EXPECT_LE(ink, kPixels / 2) << i;
    for (int64_t k = 0; k < kPixels; ++k) sum += image[k] / 255.0;
    images.emplace(image, image + kPixels);
  }
  EXPECT_NEAR(sum / static_cast<double>(kCount * kPixels), 0.13, 0.04);  // MNIST: 0.1307
  EXPECT_EQ(images.size(), static_cast<size_t>(kCount));
}

/// The class of the nearest training image by the sum of squared differences.
int64_t nearest_label(const uint8_t* image, const TensorDataset& train) {
  int64_t best = -1, best_distance = INT64_MAX;
  for (int64_t i = 0; i < train.size(); ++i) {
    const uint8_t* other = train.x().data<uint8_t>() + i * kPixels;
    int64_t distance = 0;
    for (int64_t k = 0; k < kPixels; ++k) {
      const int difference = image[k] - other[k];
      distance += difference * difference;
    }
    if (distance < best_distance) best = i, best_distance = distance;
  }
  return train.y().data<int64_t>()[best];
}

TEST(SyntheticDigits, CanBeToldApartButNotTrivially) {
  const ImageDataset set = synthetic_digits({.train = 3000, .test = 400});
  int right = 0;
  for (int64_t i = 0; i < set.test.size(); ++i) {
    right += nearest_label(set.test.x().data<uint8_t>() + i * kPixels, set.train) ==
             set.test.y().data<int64_t>()[i];
  }
  EXPECT_GT(right, 300);
  EXPECT_LT(right, 396);
}

TEST(SyntheticDigits, RefuseNegativeCounts) {
  expect_throw<ValueError>([] { synthetic_digits({.train = -1}); }, {"synthetic_digits", "-1"});
  expect_throw<ValueError>([] { synthetic_digits({.test = -2}); }, {"synthetic_digits", "-2"});
}

}  // namespace
}  // namespace dlengine::test

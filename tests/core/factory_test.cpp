// Ranges, unit matrices and random choices.
#include "dlengine/core/factory.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "tests/golden/golden.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"

namespace dlengine::test {
namespace {

NdArray stored(const std::string& name) {
  static const Golden file("numpy.safetensors");
  return to_ndarray(file.at(name));
}

TEST(Linspace, IsNumPys) {
  for (const Device device : devices()) {
    const Tolerance close = tolerance(DType::f64);
    expect_close(linspace(-1, 2, 7, DType::f64, device), stored("linspace"), close);
    expect_close(linspace(3, 5, 1, DType::f64, device), stored("linspace_one"), close);
    expect_close(linspace(0, 1, 50, DType::f64, device), stored("linspace_usual"), close);
    EXPECT_EQ(linspace(0, 0.1, 4, DType::f64, device).to_vector<double>().back(), 0.1);
    EXPECT_EQ(linspace(0, 1, 0, DType::f32, device).shape(), Shape{0});
  }
  EXPECT_EQ(linspace(0, 1).shape(), Shape{50});
  expect_throw<ValueError>([] { linspace(0, 1, -1); }, {"linspace", "got -1"});
}

TEST(Eye, IsNumPysInEveryType) {
  for (const Device device : devices()) {
    for (const DType dtype : all_types()) {
      expect_same(eye(3, dtype, device), stored("eye"));
      expect_same(eye(2, 4, dtype, device), stored("eye_wide"));
      EXPECT_EQ(eye(4, 2, dtype, device).to_vector<double>()[3], 1);
      EXPECT_EQ(eye(0, dtype, device).shape(), (Shape{0, 0}));
    }
  }
  EXPECT_EQ(eye(2).dtype(), DType::f32);
}

TEST(FullLike, TakesShapeTypeAndDevice) {
  for (const Device device : devices()) {
    const Tensor x = full_like(zeros({2, 1}, DType::i32, device), 7);
    EXPECT_EQ(x.dtype(), DType::i32);
    EXPECT_EQ(x.device(), device);
    expect_same(x, NdArray({2, 1}, {7, 7}));
  }
}

std::vector<double> shares(const Tensor& positions, size_t n) {
  std::vector<double> share(n, 0);
  for (const auto at : positions.to_vector<int64_t>()) {
    share[static_cast<size_t>(at)] += 1.0 / static_cast<double>(positions.numel());
  }
  return share;
}

// Shares of 20000 draws lie within 5 deviations of sqrt(p (1 - p) / 20000).
void expect_shares(const std::vector<double>& got, const std::vector<double>& want) {
  for (size_t i = 0; i < want.size(); ++i) {
    EXPECT_NEAR(got[i], want[i], 5 * std::sqrt(want[i] * (1 - want[i]) / 20000)) << i;
  }
}

TEST(Rand, RefusesAnEmptyRange) {
  expect_throw<ValueError>([] { rand({2}, 1, 0); }, {"rand", "low <= high", "1 and 0"});
  EXPECT_EQ(rand({1}, 2, 2).item<float>(), 2);
}

TEST(Choice, DrawsAllPositionsAlike) {
  Generator generator(1);
  const Tensor drawn = choice(4, {100, 200}, {}, generator);
  EXPECT_EQ(drawn.shape(), (Shape{100, 200}));
  EXPECT_EQ(drawn.dtype(), DType::i64);
  expect_shares(shares(drawn, 4), {0.25, 0.25, 0.25, 0.25});
}

TEST(Choice, FollowsProbabilities) {
  Generator generator(2);
  const std::vector<double> p = {0.1, 0, 0.6, 0.3};
  expect_shares(shares(choice(4, {20000}, {.p = p}, generator), 4), p);
}

TEST(Choice, WithoutReplacementNamesNoPositionTwice) {
  Generator generator(3);
  for (const std::vector<double>& p : {std::vector<double>{}, std::vector<double>(60, 1.0 / 60)}) {
    const auto drawn = choice(60, {50}, {.replace = false, .p = p}, generator).to_vector<int64_t>();
    EXPECT_EQ(std::set<int64_t>(drawn.begin(), drawn.end()).size(), 50U);
    EXPECT_TRUE(std::all_of(drawn.begin(), drawn.end(), [](int64_t at) { return at >= 0 && at < 60; }));
  }
}

// The second of two draws is j with probability sum over i != j of p_i p_j / (1 - p_i).
TEST(Choice, WithoutReplacementDrawsFromWhatIsLeft) {
  Generator generator(4);
  std::vector<int64_t> first, second;
  for (int i = 0; i < 20000; ++i) {
    const auto drawn =
        choice(3, {2}, {.replace = false, .p = {0.5, 0.3, 0.2}}, generator).to_vector<int64_t>();
    first.push_back(drawn[0]);
    second.push_back(drawn[1]);
  }
  expect_shares(shares(from_vector(first, {20000}), 3), {0.5, 0.3, 0.2});
  expect_shares(shares(from_vector(second, {20000}), 3),
                {0.3 * 0.5 / 0.7 + 0.2 * 0.5 / 0.8, 0.5 * 0.3 / 0.5 + 0.2 * 0.3 / 0.8,
                 0.5 * 0.2 / 0.5 + 0.3 * 0.2 / 0.7});
}

TEST(Choice, RepeatsWithTheSeed) {
  Generator a(5), b(5);
  const auto first = choice(100, {10}, {}, a).to_vector<int64_t>();
  EXPECT_EQ(first, choice(100, {10}, {}, b).to_vector<int64_t>());
  EXPECT_NE(first, choice(100, {10}, {}, a).to_vector<int64_t>());
}

TEST(Choice, NamesWhatCannotBe) {
  expect_throw<ValueError>([] { choice(0, {1}); }, {"choice", "1 positions", "0 possible"});
  expect_throw<ValueError>([] { choice(3, {4}, {.replace = false}); },
                           {"choice", "without replacement", "3 possible"});
  expect_throw<ValueError>([] { choice(2, {2}, {.replace = false, .p = {1, 0}}); }, {"choice", "1 possible"});
  expect_throw<ValueError>([] { choice(3, {1}, {.p = {0.5, 0.5}}); }, {"choice", "2 probabilities for 3"});
  expect_throw<ValueError>([] { choice(2, {1}, {.p = {0.5, 0.4}}); }, {"choice", "sum to 1", "0.9"});
  expect_throw<ValueError>(
      [] {
        choice(2, {1}, {.p = {1.5, -0.5}});
      },
      {"choice", "0 or more", "p[1] is -0.5"});
  expect_throw<ShapeError>([] { choice(2, {-1}); }, {"[-1]"});
  EXPECT_EQ(choice(0, {0}).shape(), Shape{0});
}

}  // namespace
}  // namespace dlengine::test

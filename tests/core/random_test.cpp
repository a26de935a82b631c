// Random numbers: known answers, repeatability and statistics.
#include "dlengine/core/random.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <thread>

#include "dlengine/core/factory.h"
#include "dlengine/core/parallel.h"
#include "dlengine/core/philox.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"

namespace dlengine::test {
namespace {

// The known-answer vectors that come with Random123 (kat_vectors, philox4x32 10). Its counter words 0, 1 are
// our block number, 2, 3 our stream, its key our seed; the lower word comes first.
TEST(Philox, GivesTheKnownAnswers) {
  const struct {
    PhiloxKey key;
    uint64_t block;
    uint32_t words[4];
  } rows[] = {
      {{0, 0}, 0, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
      {{~uint64_t{0}, ~uint64_t{0}}, ~uint64_t{0}, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
      {{0x299f31d0a4093822, 0x0370734413198a2e},
       0x85a308d3243f6a88,
       {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
  };
  for (const auto& [key, block, words] : rows) {
    const PhiloxBlock got = philox(key, block);
    for (int i = 0; i < 4; ++i) EXPECT_EQ(got.word[i], words[i]);
  }
  EXPECT_EQ(philox_word({0, 0}, 2), 0xbc57ac4c);
  EXPECT_EQ(philox_word({1, 2}, 7), philox({1, 2}, 1).word[3]);
}

TEST(Philox, UniformStaysBelowOne) {
  EXPECT_EQ(uniform_from_bits(0), 0.0F);
  EXPECT_LT(uniform_from_bits(~uint32_t{0}), 1.0F);
}

TEST(Generator, RepeatsFromASeedAndFromAState) {
  Generator a(5);
  a.next_key();
  const Generator::State state = a.state();
  const PhiloxKey key = a.next_key();
  a.set_state(state);
  EXPECT_EQ(a.next_key(), key);
  a.seed(5);
  a.next_key();
  EXPECT_EQ(a.next_key(), key);
  EXPECT_NE(a.next_key(), key);
}

TEST(Generator, DefaultIsSeededByHand) {
  manual_seed(9);
  const auto first = rand({10}).to_vector<float>();
  EXPECT_NE(rand({10}).to_vector<float>(), first);
  manual_seed(9);
  EXPECT_EQ(rand({10}).to_vector<float>(), first);
}

TEST(Generator, DefaultOfANewThreadBeginsWithSeedZero) {
  manual_seed(9);
  Generator::State state{.seed = 1};
  std::thread([&] { state = default_generator().state(); }).join();
  EXPECT_EQ(state, Generator(0).state());
  EXPECT_EQ(default_generator().state(), Generator(9).state());
}

TEST(Permutation, IsAFairOrderOfAllNumbers) {
  Generator generator(1);
  std::vector<int64_t> order = generator.permutation(1000);
  EXPECT_EQ(order, Generator(1).permutation(1000));
  EXPECT_NE(order, generator.permutation(1000));
  std::sort(order.begin(), order.end());
  for (int64_t i = 0; i < 1000; ++i) ASSERT_EQ(order[static_cast<size_t>(i)], i);
  EXPECT_TRUE(generator.permutation(0).empty());
  EXPECT_EQ(generator.permutation(1), std::vector<int64_t>{0});

  // Each of the 24 orders of four: 24000 draws, each count within 5 deviations of 1000.
  std::vector<int> counts(256);
  for (int i = 0; i < 24000; ++i) {
    const auto p = generator.permutation(4);
    ++counts[static_cast<size_t>(p[0] * 64 + p[1] * 16 + p[2] * 4 + p[3])];
  }
  EXPECT_EQ(std::count(counts.begin(), counts.end(), 0), 256 - 24);
  for (const int count : counts) {
    if (count == 0) continue;  // no order: a number twice
    EXPECT_NEAR(count, 1000, 5 * std::sqrt(1000));
  }
}

struct Moments {
  double mean = 0, variance = 0, fourth = 0;
};

Moments moments(const std::vector<double>& x) {
  Moments m;
  const auto n = static_cast<double>(x.size());
  m.mean = std::accumulate(x.begin(), x.end(), 0.0) / n;
  for (const double value : x) {
    const double square = (value - m.mean) * (value - m.mean);
    m.variance += square / n;
    m.fourth += square * square / n;
  }
  return m;
}

constexpr int64_t kMany = 200'000;

TEST(Rand, IsUniformInEveryType) {
  for (const Device device : devices()) {
    for (const DType dtype : floating_types()) {
      SCOPED_TRACE(std::string(name(dtype)) + " " + to_string(device));
      Generator generator(2);
      const auto x = rand({kMany}, -1, 3, dtype, device, generator).to_vector<double>();
      const Moments m = moments(x);
      const double deviation = 4 / std::sqrt(12.0);
      // 5 deviations of the mean; rounding to 8 bits moves it by much less
      EXPECT_NEAR(m.mean, 1, 5 * deviation / std::sqrt(kMany));
      EXPECT_NEAR(m.variance, deviation * deviation, 0.02);
      EXPECT_GE(*std::min_element(x.begin(), x.end()), -1);
      EXPECT_LT(*std::max_element(x.begin(), x.end()), 3);
      for (int bin = 0; bin < 16; ++bin) {
        const double low = -1 + bin * 0.25;
        const auto count =
            std::count_if(x.begin(), x.end(), [&](double v) { return v >= low && v < low + 0.25; });
        // bf16 rounds at the bins' edges: a share of 2^-8 of a bin's width at most moves over
        EXPECT_NEAR(static_cast<double>(count), kMany / 16.0,
                    5 * std::sqrt(kMany / 16.0) + 0.03 * kMany / 16.0);
      }
    }
  }
}

TEST(Randn, IsNormalInEveryType) {
  for (const Device device : devices()) {
    for (const DType dtype : floating_types()) {
      SCOPED_TRACE(std::string(name(dtype)) + " " + to_string(device));
      Generator generator(3);
      const auto x = randn({kMany}, 2, 3, dtype, device, generator).to_vector<double>();
      const Moments m = moments(x);
      EXPECT_NEAR(m.mean, 2, 5 * 3 / std::sqrt(kMany));
      EXPECT_NEAR(m.variance, 9, 5 * 9 * std::sqrt(2.0 / kMany));
      EXPECT_NEAR(m.fourth / (m.variance * m.variance), 3, 5 * std::sqrt(96.0 / kMany));
      for (const double edge : {-2.0, -1.0, 0.0, 1.0, 2.0}) {
        const double share = 0.5 * std::erfc(-edge / std::sqrt(2.0));
        // half a step of 8 bits near the edge, times the density, comes on top
        const double rounding = dtype == DType::bf16 ? 0.01 : 1e-3;
        const auto below = std::count_if(x.begin(), x.end(), [&](double v) { return v < 2 + 3 * edge; });
        EXPECT_NEAR(static_cast<double>(below) / kMany, share, 5 * std::sqrt(0.25 / kMany) + rounding);
      }
      EXPECT_TRUE(std::all_of(x.begin(), x.end(), [](double v) { return std::isfinite(v); }));
    }
  }
}

TEST(Rand, NeighboursAndStreamsAreNotCorrelated) {
  for (const Device device : devices()) {
    Generator generator(4);
    const auto a = rand({kMany}, -1, 1, DType::f32, device, generator).to_vector<double>();
    const auto b = rand({kMany}, -1, 1, DType::f32, device, generator).to_vector<double>();
    const double limit = 5.0 / 3 / std::sqrt(kMany);  // a product has deviation 1/3
    EXPECT_NEAR(std::inner_product(a.begin(), a.end(), b.begin(), 0.0) / kMany, 0, limit);
    for (const int lag : {1, 2, 3, 4}) {
      EXPECT_NEAR(std::inner_product(a.begin(), a.end() - lag, a.begin() + lag, 0.0) / kMany, 0, limit);
    }
  }
}

// Element i depends on the key and i alone: not on the size, the threads or the device.
TEST(Rand, IsAFunctionOfKeyAndPosition) {
  const int before = num_threads();
  const auto draw = [](auto factory, int64_t n, Device device) {
    Generator generator(5);
    auto x = factory({n}, 0, 1, DType::f32, device, generator).template to_vector<float>();
    x.resize(1001);
    return x;
  };
  for (const auto factory : {rand, randn}) {
    set_num_threads(1);
    const auto want = draw(factory, 1001, kCpu);
    EXPECT_EQ(draw(factory, 70'003, kCpu), want);
    set_num_threads(2);
    EXPECT_EQ(draw(factory, 70'003, kCpu), want);
    for (const Device device : accelerators()) {
      const auto there = draw(factory, 70'003, device);
      // log, sin and cos of the device's library may differ in the last places
      for (size_t i = 0; i < want.size(); ++i) EXPECT_NEAR(there[i], want[i], 16 * eps(DType::f32));
    }
  }
  set_num_threads(before);
  const auto uniform = draw(rand, 1001, kCpu);
  const PhiloxKey key = Generator(5).next_key();
  for (size_t i = 0; i < uniform.size(); ++i) EXPECT_EQ(uniform[i], uniform_from_bits(philox_word(key, i)));
}

TEST(Rand, RefusesIntegers) {
  expect_throw<DTypeError>([] { rand({2}, 0, 1, DType::i32); }, {"rand", "i32"});
  expect_throw<DTypeError>([] { randn({2}, 0, 1, DType::boolean); }, {"randn", "bool"});
  expect_throw<ValueError>([] { randn({2}, 0, -1); }, {"randn", "deviation", "-1"});
}

}  // namespace
}  // namespace dlengine::test

// Sums by position, of few and of many positions: the gradients of picking.
#include <cstdint>
#include <numeric>
#include <random>

#include "dlengine/core/backend.h"
#include "dlengine/core/factory.h"
#include "dlengine/core/ops/index.h"
#include "tests/emulator/control.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"

namespace dlengine::test {
namespace {

/// dy [outer, picked, inner] added up by `number`, picked or outer x picked x inner of them, into
/// [outer, size, inner]: in f32, in the order of the positions.
struct Sums {
  int64_t outer, picked, inner, size;
  std::vector<int64_t> number;
  std::vector<float> dy;

  Shape dy_shape() const { return {outer, picked, inner}; }
  NdArray expected() const {
    std::vector<float> sums(static_cast<size_t>(outer * size * inner));
    for (size_t i = 0; i < dy.size(); ++i) {
      const auto place = static_cast<int64_t>(i);
      const int64_t k = place / inner % picked;
      const int64_t to = number.size() == dy.size() ? number[i] : number[static_cast<size_t>(k)];
      sums[static_cast<size_t>((place / inner / picked * size + to) * inner + place % inner)] += dy[i];
    }
    return NdArray({outer, size, inner}, {sums.begin(), sums.end()});
  }
};

enum class Numbers { equal, different, random };

Sums draw(const Shape& shape, int64_t size, Numbers kind, bool for_each_element) {
  std::mt19937_64 rng(static_cast<uint64_t>(shape[1]));
  Sums s{shape[0], shape[1], shape[2], size, {}, {}};
  s.number.resize(static_cast<size_t>(for_each_element ? shape.product() : s.picked), size - 1);
  if (kind == Numbers::random) {
    for (int64_t& number : s.number) number = static_cast<int64_t>(rng() % static_cast<uint64_t>(size));
  }
  if (kind == Numbers::different) {  // 7 divides no size
    for (size_t i = 0; i < s.number.size(); ++i) {
      s.number[i] = static_cast<int64_t>(i) / (for_each_element ? s.inner : 1) * 7 % size;
    }
  }
  std::uniform_real_distribution<float> any(-1, 1);
  s.dy.resize(static_cast<size_t>(shape.product()));
  for (float& value : s.dy) value = any(rng);
  return s;
}

struct Case {
  Shape dy;
  int64_t size;
  Numbers kind;
};
const Case kCases[] = {
    {{2, 256, 3}, 40, Numbers::random},  // the most that count as few
    {{2, 257, 3}, 40, Numbers::random},     {{1, 1024, 2}, 1024, Numbers::different},
    {{1, 1025, 1}, 3, Numbers::random},     {{3, 2500, 1}, 1000, Numbers::random},
    {{1, 40000, 2}, 50, Numbers::equal},    {{1, 40000, 1}, 40000, Numbers::different},
    {{1, 40000, 1}, 2000, Numbers::random}, {{1, 200, 100}, 1000, Numbers::random},
    {{1, 1, 4}, 70000, Numbers::equal},     {{1, 150, 1}, 200000, Numbers::random},
};

/// add(backend, dy, index, dx) along axis 1, with an index of its own for each element or not.
template <typename Add>
void expect_order_of_positions(bool for_each_element, const Add& add) {
  for (const Device device : devices()) {
    for (const Case& row : kCases) {
      SCOPED_TRACE(to_string(row.dy) + " into " + std::to_string(row.size) + " on " + to_string(device));
      const Sums s = draw(row.dy, row.size, row.kind, for_each_element);
      const Shape index = for_each_element ? s.dy_shape() : Shape{s.picked};
      Tensor dx = full({s.outer, s.size, s.inner}, 9, DType::f32, device);
      add(backend_for(device), from_vector(s.dy, s.dy_shape(), device), from_vector(s.number, index, device),
          dx);
      expect_same(dx, s.expected());
    }
  }
}

TEST(IndexAdd, AddsInTheOrderOfThePositions) {
  expect_order_of_positions(false, [](Backend& backend, const Tensor& dy, const Tensor& index, Tensor& dx) {
    backend.index_add(dy, 1, index, dx);
  });
}

TEST(ScatterAdd, AddsInTheOrderOfThePositions) {
  expect_order_of_positions(true, [](Backend& backend, const Tensor& dy, const Tensor& index, Tensor& dx) {
    backend.scatter_add(dy, 1, index, dx);
  });
}

TEST(ScatterAdd, LeavesOutWhatTheIndexDoesNotReach) {
  for (const Device device : devices()) {
    for (const int64_t picked : {4, 300}) {
      const Sums s = draw({2, picked, 3}, 300, Numbers::random, true);
      Tensor dx = full({3, 300, 5}, 9, DType::f32, device);
      backend_for(device).scatter_add(from_vector(s.dy, s.dy_shape(), device), 1,
                                      from_vector(s.number, s.dy_shape(), device), dx);
      expect_same(dx.slice(0, 0, 2).slice(2, 0, 3).clone(), s.expected());
      expect_same(dx.slice(0, 2, 3).clone(), NdArray({1, 300, 5}));
      expect_same(dx.slice(2, 3, 5).clone(), NdArray({3, 300, 2}));
    }
  }
}

TEST(IndexAdd, OfSixteenBitsKeepsSumsInF32) {
  for (const Device device : devices()) {
    const std::vector<int64_t> many(3000, 1);
    Tensor dx = zeros({2, 1}, DType::bf16, device);
    backend_for(device).index_add(ones({3000, 1}, DType::bf16, device), 0, from_vector(many, {3000}, device),
                                  dx);
    expect_same(dx, {0, 3008});  // 3000 rounded to bf16, not 256
  }
}

TEST(IndexAdd, NamesNumbersOutOfRange) {
  for (const Device device : devices()) {
    for (const int64_t picked : {3, 2000}) {
      for (const int64_t bad : {int64_t{-1}, int64_t{40}}) {
        std::vector<int64_t> number(static_cast<size_t>(picked), 7);
        number[1] = bad;
        const Tensor index = from_vector(number, {picked}, device), dy = ones({picked}, DType::f32, device);
        const std::string index_text = "index " + std::to_string(bad) + " at 1 is outside of 0 .. 39";
        Tensor dx = zeros({40}, DType::f32, device);
        expect_throw<ValueError>(
            [&] {
              backend_for(device).index_add(dy, 0, index, dx);
              dx.to_vector<float>();
            },
            {"index_add: " + index_text});
        expect_throw<ValueError>(
            [&] {
              backend_for(device).scatter_add(dy, 0, index, dx);
              dx.to_vector<float>();
            },
            {"scatter_add: " + index_text});
      }
    }
  }
}

TEST(IndexAdd, TakesOneKernelForFewPositionsAndFewForMany) {
  for (const Device device : accelerators()) {
    if (emulated_device() == nullptr) GTEST_SKIP() << "only the emulated device counts";
    const auto kernels = [&](int64_t picked, int64_t size) {
      const Tensor dy = ones({picked, 8}, DType::f32, device), index = zeros({picked}, DType::i64, device);
      Tensor dx = zeros({size, 8}, DType::f32, device);
      const auto before = emulated_device()->counters();
      backend_for(device).index_add(dy, 0, index, dx);
      const auto after = emulated_device()->counters();
      return std::pair(after.kernels - before.kernels, after.memsets - before.memsets);
    };
    EXPECT_EQ(kernels(256, 100), std::pair(uint64_t{1}, uint64_t{0}));
    EXPECT_EQ(kernels(1024, 100), std::pair(uint64_t{2}, uint64_t{1}));
    EXPECT_EQ(kernels(20000, 100), std::pair(uint64_t{7}, uint64_t{1}));
  }
}

}  // namespace
}  // namespace dlengine::test

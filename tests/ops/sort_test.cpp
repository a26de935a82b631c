// Running sums and sorted orders: every device, type and layout; long lines, equal elements, NaN.
#include "dlengine/core/ops/sort.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

#include "dlengine/core/factory.h"
#include "dlengine/core/ops/reduce.h"
#include "tests/support/devices.h"
#include "tests/support/op_case.h"
#include "tests/support/reference.h"

namespace dlengine::test {
namespace {

/// f(line) in place of every line along the axis.
NdArray along(const NdArray& x, int axis, const std::function<void(std::vector<double>&)>& f) {
  NdArray y = x;
  Shape starts = x.shape;
  starts[axis] = std::min<int64_t>(starts[axis], 1);
  for_each_index(starts, [&](Dims at) {
    std::vector<double> line;
    for (at[axis] = 0; at[axis] < x.shape[axis]; ++at[axis]) line.push_back(x.at(at));
    f(line);
    for (at[axis] = 0; at[axis] < x.shape[axis]; ++at[axis]) y.at(at) = line[static_cast<size_t>(at[axis])];
  });
  return y;
}

void running_sum(std::vector<double>& line) { std::partial_sum(line.begin(), line.end(), line.begin()); }

/// The positions in order, by a slow stable sort that knows NaN.
void order(std::vector<double>& line, bool descending) {
  std::vector<size_t> positions(line.size());
  std::iota(positions.begin(), positions.end(), 0);
  const auto key = [&](size_t i) { return std::isnan(line[i]) ? INFINITY : line[i]; };
  const auto nan = [&](size_t i) { return std::isnan(line[i]); };
  std::stable_sort(positions.begin(), positions.end(), [&](size_t a, size_t b) {
    if (descending) std::swap(a, b);
    return key(a) < key(b) || (key(a) == key(b) && !nan(a) && nan(b));
  });
  std::copy(positions.begin(), positions.end(), line.begin());
}

struct SortShape {
  Shape shape;
  int axis;
};
const SortShape kShapes[] = {{{1}, 0},        {{7}, 0},           {{0}, 0},      {{3, 0}, 0},
                             {{0, 3}, 1},     {{5, 1}, 1},        {{4, 9}, 1},   {{9, 4}, 0},
                             {{3, 17, 2}, 1}, {{2, 1, 3, 8}, -1}, {{300, 3}, 0}, {{2, 257}, 1},
                             {{1, 513}, -1},  {{1030, 3}, 0}};

int from_start(const SortShape& row) { return row.axis < 0 ? row.axis + row.shape.rank() : row.axis; }

TEST(Cumsum, AddsUpAlongAnAxis) {
  for (const SortShape& row : kShapes) {
    const int axis = from_start(row);
    const auto terms = static_cast<double>(row.shape[axis] + 2);
    for (const bool reverse : {false, true}) {
      check_case(
          {.name = reverse ? "cumsum_reverse" : "cumsum",
           // Equal elements would add up to sums beyond what the budget of terms of either sign allows.
           .inputs = {{.shape = row.shape, .repeatable = false}},
           .op = [&](const std::vector<Tensor>& in) { return cumsum(in[0], row.axis, reverse); },
           .reference =
               [&](const std::vector<NdArray>& in) {
                 return along(in[0], axis, [&](std::vector<double>& line) {
                   if (reverse) std::reverse(line.begin(), line.end());
                   running_sum(line);
                   if (reverse) std::reverse(line.begin(), line.end());
                 });
               },
           .value = {.terms = terms},
           .gradient = {.terms = terms, .roundings = 1}});
    }
  }
}

TEST(Cumsum, OfIntegersAndBoolIsI64) {
  for (const Device device : devices()) {
    for (const DType dtype : {DType::u8, DType::i32, DType::i64}) {
      const Tensor y = cumsum(to_tensor(NdArray({2, 3}, {200, 100, 7, 1, 2, 3}), dtype, device));
      EXPECT_EQ(y.dtype(), DType::i64);
      expect_same(y, NdArray({2, 3}, {200, 300, 307, 1, 3, 6}));
    }
    expect_same(cumsum(to_tensor(NdArray({3}, {1, 0, 1}), DType::boolean, device)), {1, 1, 2});
  }
}

TEST(Cumsum, OfALongAxisKeepsSixteenBitSumsInF32) {
  for (const Device device : devices()) {
    const Tensor x = ones({3000}, DType::bf16, device);
    EXPECT_EQ(cumsum(x).to_vector<double>().back(), 3008);  // 3000 rounded to bf16, not 256
  }
}

TEST(Argsort, IsStableInEveryTypeAndLayout) {
  std::mt19937_64 rng(3);
  for (const Device device : devices()) {
    for (const DType dtype :
         {DType::f16, DType::bf16, DType::f32, DType::f64, DType::u8, DType::i32, DType::i64}) {
      for (const SortShape& row : kShapes) {
        SCOPED_TRACE(std::string(name(dtype)) + " " + to_string(row.shape) + " " + to_string(device));
        const NdArray x =
            reference::map(random_array(row.shape, 0, 9, rng), [](double v) { return std::floor(v); });
        for (const Layout layout : {Layout::contiguous, Layout::transposed, Layout::stepped}) {
          const GuardedTensor guarded(x, dtype, device, layout);
          for (const bool descending : {false, true}) {
            const Tensor y = argsort(guarded.view(), row.axis, descending);
            EXPECT_EQ(y.dtype(), DType::i64);
            expect_same(
                y, along(x, from_start(row), [&](std::vector<double>& line) { order(line, descending); }));
          }
          EXPECT_TRUE(guarded.untouched());
        }
      }
    }
  }
}

TEST(Argsort, CountsNanAsLargest) {
  for (const Device device : devices()) {
    const Tensor x = tensor({3, NAN, -INFINITY, INFINITY, NAN, 0}).to(device);
    expect_same(argsort(x), {2, 5, 0, 3, 1, 4});
    expect_same(argsort(x, 0, true), {1, 4, 3, 0, 5, 2});
    expect_same(sort(x), {-INFINITY, 0, 3, INFINITY, NAN, NAN});
  }
}

TEST(Argsort, KeepsSixtyFourBits) {
  for (const Device device : devices()) {
    const int64_t big = int64_t{1} << 60;
    expect_same(argsort(from_vector<int64_t>({big + 1, big, big + 2}, {3}, device)), {1, 0, 2});
  }
}

TEST(Argsort, OrdersLongLines) {
  std::mt19937_64 rng(4);
  const NdArray x = random_array({2, 5000}, -1, 1, rng);
  for (const Device device : devices()) {
    expect_same(argsort(to_tensor(x, DType::f64, device)),
                along(x, 1, [](auto& line) { order(line, false); }));
  }
}

TEST(Sort, SendsGradientsBackToWhereElementsCameFrom) {
  for (const bool descending : {false, true}) {
    check_case({.name = "sort",
                .inputs = {{.shape = {5, 7}, .distinct = true}},
                .op = [&](const std::vector<Tensor>& in) { return sort(in[0], 1, descending); },
                .reference =
                    [&](const std::vector<NdArray>& in) {
                      return along(in[0], 1, [&](std::vector<double>& line) {
                        std::sort(line.begin(), line.end());
                        if (descending) std::reverse(line.begin(), line.end());
                      });
                    }});
  }
}

TEST(Topk, GivesTheBestFirst) {
  for (const Device device : devices()) {
    Tensor x = tensor({{1, 5, 3, 5}, {-2, 0, -7, -1}}).to(device).set_requires_grad();
    const TopK best = topk(x, 2);
    expect_same(best.values, NdArray({2, 2}, {5, 5, 0, -1}));
    expect_same(best.indices, NdArray({2, 2}, {1, 3, 1, 3}));
    best.values.backward(ones({2, 2}, DType::f32, device));
    expect_same(x.grad(), NdArray({2, 4}, {0, 1, 0, 1, 0, 1, 0, 1}));
    expect_same(topk(x, 1, 0, false).values, NdArray({1, 4}, {-2, 0, -7, -1}));
    EXPECT_EQ(topk(x, 0).values.shape(), (Shape{2, 0}));
  }
}

TEST(Sorting, NamesWhatDoesNotFit) {
  const Tensor x = zeros({2, 3});
  expect_throw<ValueError>([&] { topk(x, 4); }, {"topk", "4 elements", "axis 1", "[2, 3]"});
  expect_throw<ShapeError>([&] { argsort(x, 2); }, {"argsort", "axis 2"});
  expect_throw<ShapeError>([&] { cumsum(x, -3); }, {"cumsum", "axis -3"});
  expect_throw<DTypeError>([&] { argsort(x.to(DType::boolean)); }, {"argsort", "bool"});
  expect_throw<ShapeError>([] { sort(ones({})); }, {"sort: axis -1"});
  expect_throw<DTypeError>([&] { topk(x.to(DType::boolean), 1); }, {"topk", "bool"});
}

// --- Spread ---

TEST(Var, OfEqualElementsIsZeroAndNamesTooFewElements) {
  for (const Device device : devices()) {
    EXPECT_EQ(var(full({4}, 3, DType::f32, device)).item<double>(), 0);
    EXPECT_EQ(stddev(tensor({1, 3}).to(device)).item<double>(), 1);
    EXPECT_EQ(var(tensor({1, 3}).to(device), {.correction = 1}).item<double>(), 2);
  }
  expect_throw<ValueError>([] { var(ones({1}), {.correction = 1}); }, {"var", "1 elements", "more than 1"});
  expect_throw<ValueError>([] { var(ones({0})); }, {"var", "0 elements"});
  expect_throw<ValueError>([] { var(ones({0}, DType::i32)); }, {"var", "0 elements"});
}

TEST(AnyAndAll, KnowNothingAndEveryType) {
  for (const Device device : devices()) {
    EXPECT_FALSE(any(zeros({0}, DType::f32, device)).item<bool>());
    EXPECT_TRUE(all(zeros({0}, DType::f32, device)).item<bool>());
    for (const DType dtype : all_types()) {
      const Tensor x = to_tensor(NdArray({2, 2}, {0, 1, 0, 0}), dtype, device);
      EXPECT_EQ(any(x).dtype(), DType::boolean);
      EXPECT_TRUE(any(x).item<bool>());
      EXPECT_FALSE(all(x).item<bool>());
      expect_same(any(x, {.axes = {1}}), {1, 0});
      expect_same(all(x, {.axes = {0}, .keep_axes = true}), NdArray({1, 2}, {0, 0}));
    }
    EXPECT_TRUE(all(tensor({NAN, -1})).item<bool>());
  }
}

}  // namespace
}  // namespace dlengine::test
